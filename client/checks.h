// What bottlectl itself can find out for `doctor`: the socket, and the daemon
// behind it. Everything else is the daemon's to look at.

#ifndef BOTTLED_CLIENT_CHECKS_H_
#define BOTTLED_CLIENT_CHECKS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "platform/unix_socket.h"

namespace bottled::client {

// One of an error, with its reason, message and remedy. Pure.
v1::Finding FailedFinding(std::string_view check, const absl::Status& status);

// One of a check that only a daemon can make. Pure.
v1::Finding SkippedFinding(std::string_view check);

// What the file system says about the socket.
struct SocketFile {
  std::string path;
  bool exists = false;
  // Permission bits.
  unsigned mode = 0;
};

// Blocks on the disk.
SocketFile LookAtSocket(const std::string& path);

// The socket: `info` is GetInfo's answer, or why there is none; `peer` who
// listens, when there is an answer. Pure.
v1::Finding CheckSocket(const SocketFile& file,
                        const absl::StatusOr<v1::GetInfoResponse>& info,
                        const PeerCredentials& peer);

// The daemon; `version` is bottlectl's own. Pure.
v1::Finding CheckDaemon(const absl::StatusOr<v1::GetInfoResponse>& info,
                        std::string_view version);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_CHECKS_H_
