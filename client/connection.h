// Connecting to the daemon's socket, after checking that it is ours.

#ifndef BOTTLED_CLIENT_CONNECTION_H_
#define BOTTLED_CLIENT_CONNECTION_H_

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "client/grpc_channel.h"
#include "platform/unix_socket.h"

namespace bottled::client {

struct Connection {
  std::unique_ptr<GrpcChannel> channel;
  // Who listens: the daemon, or the service manager that made the socket.
  PeerCredentials peer;
};

// Connects. A socket that is not ours is refused (DAEMON_UNTRUSTED): its
// directory must belong to us and be writable by nobody else, the socket itself
// must be a socket of ours, and the kernel must say that our own user listens.
// DAEMON_NOT_RUNNING when nobody does. Blocks only as long as the kernel does.
absl::StatusOr<Connection> ConnectDaemon(const std::filesystem::path& socket);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_CONNECTION_H_
