#include "client/stub.h"

#include <poll.h>

#include <span>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "client/errors.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

using std::chrono::steady_clock;

ErrorDetail ToDetail(const v1::Failure& failure) {
  ErrorDetail detail;
  detail.reason = failure.reason();
  detail.remedy = failure.remedy();
  if (failure.stage() != v1::STAGE_UNSPECIFIED) {
    detail.stage = v1::Stage_Name(failure.stage());
  }
  detail.log_tail.assign(failure.log_tail().begin(), failure.log_tail().end());
  return detail;
}

}  // namespace

std::unique_ptr<GrpcCall> StartCall(GrpcChannel& channel,
                                    std::string_view method, Timeout timeout) {
  return channel.Start(fmt::format("/bottled.v1.Bottled/{}", method), timeout);
}

absl::Status CallStatus(const GrpcCall& call) {
  v1::Failure failure;
  if (absl::IsUnimplemented(call.status()) && call.error_trailer().empty()) {
    return DaemonTooOld();
  }
  if (call.status().ok() || call.error_trailer().empty() ||
      !failure.ParseFromString(call.error_trailer()) ||
      failure.reason().empty()) {
    return call.status();
  }
  // The trailer's message is the whole one; headers are cut.
  return WithDetail(absl::Status(call.status().code(), failure.message()),
                    ToDetail(failure));
}

absl::Status ToStatus(const v1::Failure& failure) {
  ErrorDetail detail = ToDetail(failure);
  if (detail.reason.empty()) {
    detail.reason = "UNKNOWN";
  }
  const auto code = detail.reason == "CANCELLED" ? absl::StatusCode::kCancelled
                                                 : absl::StatusCode::kUnknown;
  return WithDetail(absl::Status(code, failure.message()), detail);
}

v1::Failure ToFailure(const absl::Status& status) {
  const ErrorDetail detail = GetErrorDetail(status);
  v1::Failure failure;
  failure.set_reason(Printable(detail.reason));
  // Local errors name paths, which need not be UTF-8.
  failure.set_message(Printable(std::string(status.message())));
  failure.set_remedy(Printable(detail.remedy));
  v1::Stage stage = v1::STAGE_UNSPECIFIED;
  if (v1::Stage_Parse(detail.stage, &stage)) {
    failure.set_stage(stage);
  }
  for (const std::string& line : detail.log_tail) {
    failure.add_log_tail(Printable(line));
  }
  return failure;
}

absl::Status UnaryCall(GrpcChannel& channel, std::string_view method,
                       const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite* response, Timeout timeout,
                       int interrupt_fd) {
  const std::unique_ptr<GrpcCall> call = StartCall(channel, method, timeout);
  call->Send(request.SerializeAsString());
  call->CloseSend();
  pollfd interrupt = {.fd = interrupt_fd, .events = POLLIN, .revents = 0};
  while (!call->done()) {
    channel.Poll(std::span(&interrupt, 1),
                 steady_clock::now() + std::chrono::minutes(1));
    if (interrupt.revents != 0) {
      call->Cancel();
    }
  }
  if (absl::Status status = CallStatus(*call); !status.ok()) {
    return status;
  }
  const std::optional<std::string> message = call->Take();
  if (!message.has_value() || !response->ParseFromString(*message)) {
    return BadAnswer(method, "it holds no readable message");
  }
  return absl::OkStatus();
}

}  // namespace bottled::client
