// This file was never compiled, as no macOS machine was at hand.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "platform/new_socket.h"
#include "platform/unix_socket.h"

namespace bottled {

Fd NewUnixSocket(int type) {
  Fd fd(::socket(AF_UNIX, type, 0));
  if (fd.valid()) {
    ::fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  }
  return fd;
}

absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket_fd) {
  PeerCredentials peer;
  gid_t gid = 0;
  if (::getpeereid(socket_fd, &peer.uid, &gid) != 0) {
    const int error = errno;
    return ErrnoError(error, "getpeereid");
  }
  socklen_t length = sizeof(peer.pid);
  if (::getsockopt(socket_fd, SOL_LOCAL, LOCAL_PEERPID, &peer.pid, &length) !=
      0) {
    peer.pid = 0;
  }
  return peer;
}

}  // namespace bottled
