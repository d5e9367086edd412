// The methods that are about warming.

#include <vector>

#include "base/status_macros.h"
#include "rpc/call_cancel.h"
#include "rpc/convert_warm.h"
#include "rpc/errors.h"
#include "rpc/grpc_status.h"
#include "rpc/service.h"

namespace bottled {
namespace {

constexpr int kMaxWarmSources = 64;
constexpr size_t kMaxTargetBytes = 4096;

absl::Status CheckTarget(const std::string& target) {
  return target.size() > kMaxTargetBytes ? BadRequest("The name is too long")
                                         : absl::OkStatus();
}

}  // namespace

grpc::Status BottledService::Warm(grpc::ServerContext* context,
                                  const v1::WarmRequest* request,
                                  v1::WarmResponse* response) {
  const auto warm = [&]() -> absl::Status {
    if (request->sources().empty() ||
        request->sources_size() > kMaxWarmSources) {
      return BadRequest("A request has 1 to 64 sources");
    }
    // All are looked at before one is begun with.
    std::vector<PrepareSpec> specs;
    for (const v1::WarmSource& source : request->sources()) {
      ASSIGN_OR_RETURN(PrepareSpec spec,
                       FromProto(source, info_.default_engine));
      specs.push_back(std::move(spec));
    }
    const CallCancel cancel(call_watcher_, context);
    for (PrepareSpec& spec : specs) {
      ASSIGN_OR_RETURN(
          const WarmResult result,
          deps_.warming.Warm(std::move(spec), request->keep(), cancel.token()));
      *response->add_results() = ToProto(result, deps_.objects);
    }
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, warm());
}

grpc::Status BottledService::ListWarmTargets(
    grpc::ServerContext* context, const v1::ListWarmTargetsRequest* /*request*/,
    v1::ListWarmTargetsResponse* response) {
  for (const WarmView& view : deps_.warming.List()) {
    *response->add_targets() = ToProto(view);
  }
  return ToGrpcStatus(context, absl::OkStatus());
}

grpc::Status BottledService::RemoveWarmTarget(
    grpc::ServerContext* context, const v1::RemoveWarmTargetRequest* request,
    v1::RemoveWarmTargetResponse* response) {
  const auto remove = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckTarget(request->target()));
    ASSIGN_OR_RETURN(const WarmView view,
                     deps_.warming.Remove(request->target()));
    *response->mutable_target() = ToProto(view);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, remove());
}

grpc::Status BottledService::ResumeWarmTarget(
    grpc::ServerContext* context, const v1::ResumeWarmTargetRequest* request,
    v1::ResumeWarmTargetResponse* response) {
  const auto resume = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckTarget(request->target()));
    ASSIGN_OR_RETURN(const WarmView view,
                     deps_.warming.Resume(request->target()));
    *response->mutable_target() = ToProto(view);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, resume());
}

}  // namespace bottled
