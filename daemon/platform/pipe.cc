#include "platform/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace bottled {

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (::pipe(ends) != 0) {
    return ErrnoError(errno, "cannot make a pipe");
  }
  Pipe pipe{.read = Fd(ends[0]), .write = Fd(ends[1])};
  // pipe2() does not exist on macOS.
  if (::fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 ||
      ::fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0) {
    return ErrnoError(errno, "fcntl");
  }
  return pipe;
}

}  // namespace bottled
