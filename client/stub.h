// Typed calls of bottled.v1 over a GrpcChannel.

#ifndef BOTTLED_CLIENT_STUB_H_
#define BOTTLED_CLIENT_STUB_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bottled/v1/job.pb.h"
#include "client/grpc_channel.h"
#include "google/protobuf/message_lite.h"

namespace bottled::client {

using Timeout = std::optional<std::chrono::milliseconds>;

// Enough for what the daemon answers from memory and its index.
inline constexpr std::chrono::milliseconds kShortTimeout(30'000);

// For calls in which the daemon asks the engine; it bounds that itself.
inline constexpr std::chrono::milliseconds kEngineTimeout(120'000);

// Starts a method of the service, "Pack" for example.
std::unique_ptr<GrpcCall> StartCall(GrpcChannel& channel,
                                    std::string_view method, Timeout timeout);

// How a call that is done ended, with the reason, remedy and log lines of its
// error trailer.
absl::Status CallStatus(const GrpcCall& call);

// The status of a failed job, and back. A Failure has no code, so it becomes
// UNKNOWN, or CANCELLED when that is its reason.
absl::Status ToStatus(const v1::Failure& failure);
v1::Failure ToFailure(const absl::Status& status);

// Sends one request and waits for the one answer. Blocks until then; when
// `interrupt_fd` becomes readable the call is cancelled (CANCELLED). -1 = none.
absl::Status UnaryCall(GrpcChannel& channel, std::string_view method,
                       const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite* response, Timeout timeout,
                       int interrupt_fd);

template <typename Response>
absl::StatusOr<Response> Unary(GrpcChannel& channel, std::string_view method,
                               const google::protobuf::MessageLite& request,
                               Timeout timeout = kShortTimeout,
                               int interrupt_fd = -1) {
  Response response;
  absl::Status status =
      UnaryCall(channel, method, request, &response, timeout, interrupt_fd);
  if (!status.ok()) {
    return status;
  }
  return response;
}

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_STUB_H_
