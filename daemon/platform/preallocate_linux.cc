#include <fcntl.h>

#include <cerrno>

#include "base/error.h"
#include "platform/disk_space.h"

namespace bottled {

absl::Status Preallocate(int fd, int64_t bytes) {
  int error = 0;
  do {
    // It returns the error and leaves errno alone.
    error = ::posix_fallocate(fd, 0, bytes);
  } while (error == EINTR);
  return error == 0 ? absl::OkStatus() : ErrnoError(error, "allocate");
}

}  // namespace bottled
