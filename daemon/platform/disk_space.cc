#include "platform/disk_space.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <limits>

#include "base/error.h"

namespace bottled {
namespace {

// a × b, or the largest number that there is.
int64_t Times(uint64_t a, uint64_t b) {
  constexpr auto kMax =
      static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  return b != 0 && a > kMax / b ? static_cast<int64_t>(kMax)
                                : static_cast<int64_t>(a * b);
}

}  // namespace

absl::StatusOr<DiskSpace> LookAtDisk(const std::filesystem::path& path) {
  struct statvfs info = {};
  if (::statvfs(path.c_str(), &info) != 0) {
    const int error = errno;
    return ErrnoError(error, "statvfs " + path.native());
  }
  return DiskSpace{.total_bytes = Times(info.f_blocks, info.f_frsize),
                   .free_bytes = Times(info.f_bavail, info.f_frsize),
                   .total_files = Times(info.f_files, 1),
                   .free_files = Times(info.f_favail, 1)};
}

}  // namespace bottled
