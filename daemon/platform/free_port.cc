#include "platform/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/fd.h"

namespace bottled {

absl::StatusOr<int> FreeLoopbackPort() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  if (!socket.valid()) {
    return ErrnoError(errno, "open a socket");
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // The kernel's functions take the general form of an address.
  auto* general = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  if (::bind(socket.get(), general, size) != 0 ||
      ::getsockname(socket.get(), general, &size) != 0) {
    return ErrnoError(errno, "take a port of 127.0.0.1");
  }
  return ntohs(address.sin_port);
}

}  // namespace bottled
