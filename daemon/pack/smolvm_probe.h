// The probe of one smolvm: which release it is, and whether it is smolvm at
// all. Another vendor's sandbox manager has a command of the same name
// (ecosystem.md §4.1), and its --version may well look alike; `pack create`,
// which only the smol-machines one has, tells them apart.
//
// Free functions, thread-safe.

#ifndef BOTTLED_PACK_SMOLVM_PROBE_H_
#define BOTTLED_PACK_SMOLVM_PROBE_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"

namespace bottled {

// A smolvm that was run and recognised.
struct SmolvmProgram {
  std::string path;     // absolute
  std::string version;  // "1.32.2", or "1.33.0-rc.1"
  int major = 0;
  int minor = 0;
  int patch = 0;
  // `pack create --image` reads `docker save` files: its help says so (1.32.2
  // does, 1.9.3 does not).
  bool takes_archives = false;

  // True from release a.b.c on. A pre-release counts as its release.
  bool AtLeast(int a, int b, int c) const;
};

// Reads "smolvm X.Y.Z", the first line that `smolvm --version` prints
// (smolvm-1.32.md), into version, major, minor and patch. False, and nothing
// changed, for anything else.
bool ParseSmolvmVersion(std::string_view output, SmolvmProgram& program);

// Runs `path` with --version and with `pack create --help`, both with nothing
// to read, `env` as the whole environment, and at most `limit` of time and
// 64 KiB of output each. Blocks for that. Reasons SMOLVM_FOREIGN,
// SMOLVM_UNUSABLE, CANCELLED, and TOO_MANY_FILES of this process.
absl::StatusOr<SmolvmProgram> ProbeSmolvm(const std::string& path,
                                          const std::vector<std::string>& env,
                                          std::chrono::milliseconds limit,
                                          const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_PACK_SMOLVM_PROBE_H_
