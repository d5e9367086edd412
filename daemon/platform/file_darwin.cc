// This file was never compiled, as no macOS machine was at hand.

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "platform/fault_calls.h"
#include "platform/file.h"
#include "platform/temporary.h"

namespace bottled {

int sys::RealRenameExclusive(const char* from, const char* to) {
  return ::renamex_np(from, to, RENAME_EXCL);
}

absl::Status SyncFd(int fd, std::string_view what, FaultSite /*site*/) {
  // fsync(2) on macOS leaves the data in the drive's cache.
  if (::fcntl(fd, F_FULLFSYNC) == 0) {
    return absl::OkStatus();
  }
  int error = errno;
  if (error == ENOTSUP || error == EINVAL) {
    // The file system cannot flush the drive: all that is left.
    if (::fsync(fd) == 0) {
      return absl::OkStatus();
    }
    error = errno;
  }
  return ErrnoError(error, what);
}

absl::StatusOr<Fd> OpenUnnamedFile(const std::filesystem::path& dir) {
  return OpenUnlinkedTemporary(dir);
}

absl::Status RenameNoReplace(const std::filesystem::path& from,
                             const std::filesystem::path& to, FaultSite site) {
  if (sys::RenameExclusive(from.c_str(), to.c_str(), site) != 0) {
    const int error = errno;
    return ErrnoError(error, "rename " + from.native() + " to " + to.native());
  }
  return absl::OkStatus();
}

}  // namespace bottled
