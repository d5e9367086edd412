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
  return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

absl::Status SyncFd(int fd, std::string_view what, FaultSite site) {
  if (sys::Fsync(fd, site) != 0) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  return absl::OkStatus();
}

absl::StatusOr<Fd> OpenUnnamedFile(const std::filesystem::path& dir) {
  Fd fd(::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid()) {
    return fd;
  }
  const int error = errno;
  // open(2): EOPNOTSUPP from file systems, EISDIR from kernels without it.
  if (error == EOPNOTSUPP || error == EISDIR || error == EINVAL) {
    return OpenUnlinkedTemporary(dir);
  }
  return ErrnoError(error, "create a file in " + dir.native());
}

absl::Status RenameNoReplace(const std::filesystem::path& from,
                             const std::filesystem::path& to, FaultSite site) {
  if (sys::RenameExclusive(from.c_str(), to.c_str(), site) == 0) {
    return absl::OkStatus();
  }
  int error = errno;
  // rename(2): EINVAL when the file system does not know the flag. A hard link
  // does not replace either; it works for files, which is what is published.
  if (error == EINVAL || error == ENOSYS) {
    if (sys::Link(from.c_str(), to.c_str(), site) == 0) {
      if (sys::Unlink(from.c_str(), site) == 0) {
        return absl::OkStatus();
      }
    }
    error = errno;
  }
  return ErrnoError(error, "rename " + from.native() + " to " + to.native());
}

}  // namespace bottled
