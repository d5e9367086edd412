#include "client/session.h"

#include "base/status_macros.h"

namespace bottled::client {

absl::StatusOr<GrpcChannel*> Session::Connect() {
  if (!connection_.has_value()) {
    absl::StatusOr<Connection> made = ConnectDaemon(spec_.places.socket);
    if (!made.ok() && may_start_ &&
        HasReason(made.status(), "DAEMON_NOT_RUNNING")) {
      made = StartDaemon(spec_);
    }
    if (!made.ok()) {
      return made.status();
    }
    connection_ = *std::move(made);
  }
  return connection_->channel.get();
}

absl::StatusOr<GrpcChannel*> Session::Reconnect() {
  connection_.reset();
  ASSIGN_OR_RETURN(connection_, ConnectDaemon(spec_.places.socket));
  return connection_->channel.get();
}

absl::Status Session::CallAny(std::string_view method,
                              const google::protobuf::MessageLite& request,
                              google::protobuf::MessageLite* response,
                              Timeout timeout, int interrupt_fd) {
  for (bool again = false;; again = true) {
    ASSIGN_OR_RETURN(GrpcChannel* const channel, Connect());
    absl::Status status =
        UnaryCall(*channel, method, request, response, timeout, interrupt_fd);
    if (talked_ || again || !HasReason(status, "CONNECTION_LOST")) {
      talked_ = talked_ || status.ok();
      return status;
    }
    Disconnect();
  }
}

}  // namespace bottled::client
