// Unix stream sockets: listen, connect, and who is on the other side.
//
// gRPC's own listener is not used: a second gRPC server on the same path takes
// the socket away from a living first one (grpc/grpc#17122), and it never tells
// the peer's uid.

#ifndef BOTTLED_PLATFORM_UNIX_SOCKET_H_
#define BOTTLED_PLATFORM_UNIX_SOCKET_H_

#include <sys/types.h>

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "platform/fd.h"
#include "platform/instance_lock.h"

namespace bottled {

// Binds and listens on `path`, mode 0600, inside a directory that is made 0700
// when it is missing and checked with EnsurePrivateDir(). A stale socket is
// replaced: the lock in the caller's hand proves that nobody serves it. Any
// other file there is an error (reason BAD_PATH). Non-blocking, close-on-exec.
absl::StatusOr<Fd> ListenUnix(const std::filesystem::path& path,
                              const InstanceLock& lock);

// Connects; blocks only as long as the kernel does. UNAVAILABLE when nobody
// listens or the file is absent (reason DAEMON_NOT_RUNNING).
absl::StatusOr<Fd> ConnectUnix(const std::filesystem::path& path);

struct PeerCredentials {
  uid_t uid = 0;
  // 0 when the system does not tell.
  pid_t pid = 0;
};

// The process that called connect(), as the kernel recorded it (SO_PEERCRED;
// getpeereid and LOCAL_PEERPID on macOS).
absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket_fd);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_UNIX_SOCKET_H_
