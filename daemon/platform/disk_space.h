// DiskSpace: how much room a file system has, and a file that holds some of it.
//
// All functions block on the disk and are thread-safe.

#ifndef BOTTLED_PLATFORM_DISK_SPACE_H_
#define BOTTLED_PLATFORM_DISK_SPACE_H_

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bottled {

struct DiskSpace {
  // As TotalBytes() and FreeBytes(); a total of 0: the file system does not
  // tell.
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
  // Inodes. A total of 0: the file system makes them as it needs them (Btrfs).
  int64_t total_files = 0;
  int64_t free_files = 0;
};

// Of the file system of `path` (statvfs(3)).
absl::StatusOr<DiskSpace> LookAtDisk(const std::filesystem::path& path);

// Gives the file `bytes` of real space from its beginning, so that they are the
// file's whatever others write: posix_fallocate(3); F_PREALLOCATE and
// ftruncate(2) on macOS.
absl::Status Preallocate(int fd, int64_t bytes);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_DISK_SPACE_H_
