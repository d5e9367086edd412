// A cheap answer to "would a build of this be another image?".
//
// docker build answers it in a second or two, by sending the context to the
// builder. Here the context is only looked at: names, kinds, sizes, modes and
// times of its files, the Dockerfile's content, and the request's own values.
// Files that .dockerignore surely leaves out (jobs/dockerignore.h) are not.
// What a build takes from elsewhere (a newer base image, the network) is not
// seen; that is what FRESHNESS_ALWAYS is for.

#ifndef BOTTLED_JOBS_BUILD_FINGERPRINT_H_
#define BOTTLED_JOBS_BUILD_FINGERPRINT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "engine/build.h"

namespace bottled {

// Contexts with more files than this are built every time.
inline constexpr int64_t kMaxContextFiles = 50'000;

// 64 hexadecimal digits, or "" when the context cannot be judged: it is remote,
// has too many files, or the request asks for a fresh build (pull, no_cache) or
// has secrets or ssh sockets, whose content is none of ours. Values of
// arguments go in hashed together with `salt`, so that the result, which may
// name an image, does not give them away. Blocks on the disk: about 1 ms per
// 1000 files. Errors are those of reading the context, which no build could do
// without.
absl::StatusOr<std::string> BuildFingerprint(const BuildSpec& spec,
                                             std::string_view salt,
                                             const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_JOBS_BUILD_FINGERPRINT_H_
