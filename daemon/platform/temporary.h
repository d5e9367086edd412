// Temporary files with random names, for file.cc and its neighbours.

#ifndef BOTTLED_PLATFORM_TEMPORARY_H_
#define BOTTLED_PLATFORM_TEMPORARY_H_

#include <filesystem>

#include "absl/status/statusor.h"
#include "platform/fd.h"

namespace bottled {

struct Temporary {
  std::filesystem::path path;
  Fd fd;
};

// A new file in `dir` (empty = the current one), mode 0600, open for reading
// and writing. Its owner is the caller, who renames or unlinks it. Thread-safe.
absl::StatusOr<Temporary> CreateTemporary(const std::filesystem::path& dir);

// The same, unlinked: OpenUnnamedFile() where the system offers nothing better.
absl::StatusOr<Fd> OpenUnlinkedTemporary(const std::filesystem::path& dir);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_TEMPORARY_H_
