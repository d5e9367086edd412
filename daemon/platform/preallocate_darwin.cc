// This file was never compiled, as no macOS machine was at hand.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "platform/disk_space.h"

namespace bottled {

absl::Status Preallocate(int fd, int64_t bytes) {
  fstore_t store = {};
  store.fst_flags = F_ALLOCATEALL;
  store.fst_posmode = F_PEOFPOSMODE;
  store.fst_length = bytes;
  if (::fcntl(fd, F_PREALLOCATE, &store) == -1 || ::ftruncate(fd, bytes) != 0) {
    const int error = errno;
    return ErrnoError(error, "allocate");
  }
  return absl::OkStatus();
}

}  // namespace bottled
