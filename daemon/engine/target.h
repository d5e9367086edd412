// The paths and queries that are asked of an engine. Pure, thread-safe.

#ifndef BOTTLED_ENGINE_TARGET_H_
#define BOTTLED_ENGINE_TARGET_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "image/platform.h"

namespace bottled {

// A reference as part of a URL path: all but unreserved characters and "/:@"
// is percent-encoded, and an ID of 64 bare digits gets its "sha256:", because
// podman and the containerd store refuse it otherwise (measured). Reason
// BAD_REFERENCE for what a server would redirect: empty, "." and ".." segments.
absl::StatusOr<std::string> EncodeReference(const std::string& reference);

// The value of a query, all but unreserved characters percent-encoded.
std::string EncodeQuery(std::string_view text);

// "?platform=" and the JSON form that the engine wants, percent-encoded.
std::string PlatformQuery(const Platform& platform);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_TARGET_H_
