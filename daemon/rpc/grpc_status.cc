#include "rpc/grpc_status.h"

#include <string>

#include "base/error.h"
#include "base/strings.h"
#include "jobs/event.h"
#include "rpc/convert.h"

namespace bottled {
namespace {

// gRPC limits all metadata of a response to 8 KiB by default.
constexpr size_t kMaxMessageBytes = 2048;
constexpr size_t kMaxTrailerBytes = 4096;

// When it may be worth to ask again after a limit was hit.
constexpr char kRetryAfterMs[] = "2000";

grpc::StatusCode ToGrpcCode(absl::StatusCode code) {
  // Both enums have the canonical numbers.
  return static_cast<grpc::StatusCode>(code);
}

}  // namespace

v1::Failure ToFailure(const absl::Status& status) {
  const ErrorDetail detail = GetErrorDetail(status);
  v1::Failure failure;
  failure.set_reason(detail.reason);
  failure.set_stage(ToProto(ParseStage(detail.stage)));
  failure.set_message(Printable(std::string(status.message())));
  failure.set_remedy(Printable(detail.remedy));
  for (const std::string& line : detail.log_tail) {
    failure.add_log_tail(Printable(line));
  }
  return failure;
}

grpc::Status ToGrpcStatus(grpc::ServerContextBase* context,
                          const absl::Status& status) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  v1::Failure failure = ToFailure(status);
  failure.set_message(Printable(failure.message(), kMaxMessageBytes));
  if (failure.ByteSizeLong() > kMaxTrailerBytes) {
    failure.clear_log_tail();
  }
  if (failure.ByteSizeLong() > kMaxTrailerBytes) {
    failure.set_remedy(Printable(failure.remedy(), kMaxMessageBytes / 2));
  }
  if (status.code() == absl::StatusCode::kResourceExhausted &&
      failure.reason().starts_with("TOO_MANY_")) {
    // For clients whose retry policy is gRPC's own (gRFC A6).
    context->AddTrailingMetadata("grpc-retry-pushback-ms", kRetryAfterMs);
  }
  context->AddTrailingMetadata(kErrorTrailer, failure.SerializeAsString());
  return grpc::Status(ToGrpcCode(status.code()), failure.message());
}

}  // namespace bottled
