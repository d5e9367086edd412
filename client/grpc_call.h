// GrpcCall: one gRPC call of a GrpcChannel, whatever its kind: messages out,
// messages in, a status at the end.
//
// Nothing blocks: GrpcChannel::Poll() does the work. Not thread-safe.

#ifndef BOTTLED_CLIENT_GRPC_CALL_H_
#define BOTTLED_CLIENT_GRPC_CALL_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/grpc_wire.h"

namespace bottled::client {

class GrpcChannel;

using TimePoint = std::chrono::steady_clock::time_point;

// One call. Belongs to whoever started it, and may outlive its channel. Gone
// before it is done, it is cancelled.
class GrpcCall {
 public:
  ~GrpcCall();
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  // Queues a message. Does nothing once the call is done.
  void Send(std::string_view message);

  // No more messages will follow.
  void CloseSend();

  // Bytes that were queued and not yet given to the kernel's side, for callers
  // that send much.
  size_t unsent_bytes() const { return pending_.size() - pending_offset_; }

  // The next message that arrived. Some may be left when the call is done.
  std::optional<std::string> Take() { return assembler_.Take(); }

  bool done() const { return done_; }

  // How it ended: the server's code and message, or CANCELLED,
  // DEADLINE_EXCEEDED (reason CALL_TIMEOUT), UNAVAILABLE (CONNECTION_LOST),
  // RESOURCE_EXHAUSTED (MESSAGE_TOO_LARGE). Only when done.
  const absl::Status& status() const { return status_; }

  // The decoded `bottled-error-bin` trailer; empty when there was none.
  const std::string& error_trailer() const { return error_trailer_; }

  // Tells the server that nobody waits any more. Done at once.
  void Cancel();

 private:
  friend class GrpcChannel;
  GrpcCall() = default;

  // The channel while the call is in its table, else null.
  GrpcChannel* channel_ = nullptr;
  int32_t stream_id_ = -1;
  std::string path_;
  std::optional<TimePoint> deadline_;

  std::string pending_;
  size_t pending_offset_ = 0;
  bool send_closed_ = false;
  // nghttp2 waits for more to send.
  bool deferred_ = false;

  MessageAssembler assembler_;
  std::string http_status_;
  std::optional<std::string> grpc_status_;
  std::string grpc_message_;
  std::string error_trailer_;

  bool done_ = false;
  absl::Status status_;
};

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_GRPC_CALL_H_
