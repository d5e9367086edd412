#include "platform/adopt_listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "fmt/format.h"
#include "platform/errors.h"

namespace bottled {
namespace {

// An integer option, or -1.
int Option(int fd, int name) {
  int value = -1;
  socklen_t length = sizeof(value);
  if (::getsockopt(fd, SOL_SOCKET, name, &value, &length) != 0) {
    return -1;
  }
  return value;
}

}  // namespace

absl::StatusOr<Fd> AdoptListener(int fd) {
  // getsockname, as macOS has no SO_DOMAIN.
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      address.ss_family != AF_UNIX || Option(fd, SO_TYPE) != SOCK_STREAM ||
      Option(fd, SO_ACCEPTCONN) != 1) {
    return BadActivationError(
        fmt::format("descriptor {} is no listening Unix stream socket", fd));
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    const int error = errno;
    return ErrnoError(error, "socket activation");
  }
  return Fd(fd);
}

}  // namespace bottled
