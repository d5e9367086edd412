#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "platform/new_socket.h"
#include "platform/unix_socket.h"

namespace bottled {

Fd NewUnixSocket(int type) {
  return Fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
}

absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket_fd) {
  ucred peer = {};
  socklen_t length = sizeof(peer);
  if (::getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    const int error = errno;
    return ErrnoError(error, "SO_PEERCRED");
  }
  // unix(7) does not say so, but a socket without a peer has no uid.
  if (length != sizeof(peer) || peer.uid == static_cast<uid_t>(-1)) {
    return ErrnoError(ENOTCONN, "SO_PEERCRED");
  }
  return PeerCredentials{.uid = peer.uid, .pid = peer.pid};
}

}  // namespace bottled
