// The methods that are about bottles.

#include <utility>

#include "base/status_macros.h"
#include "bottle/plan.h"
#include "rpc/call_cancel.h"
#include "rpc/convert.h"
#include "rpc/convert_bottle.h"
#include "rpc/convert_plan.h"
#include "rpc/convert_source.h"
#include "rpc/errors.h"
#include "rpc/events_reactor.h"
#include "rpc/grpc_status.h"
#include "rpc/service.h"

namespace bottled {
grpc::Status BottledService::Resolve(grpc::ServerContext* context,
                                     const v1::ResolveRequest* request,
                                     v1::ResolveResponse* response) {
  const auto resolve = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const BottleQuery query,
                     FromProto(request->bottle(), info_.default_engine));
    if (request->dry_run() && !request->artifact().empty()) {
      return BadRequest("dry_run and artifact exclude each other");
    }
    ASSIGN_OR_RETURN(BottleDraft draft, deps_.bottles.Draft(query));
    draft.artifact = request->artifact();
    const CallCancel cancel(call_watcher_, context);
    ASSIGN_OR_RETURN(
        const Plan plan,
        request->dry_run()
            ? deps_.bottles.Preview(std::move(draft), cancel.token())
            : deps_.bottles.Commit(std::move(draft), cancel.token()));
    *response->mutable_plan() = ToProto(plan);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, resolve());
}

grpc::Status BottledService::Prepare(grpc::ServerContext* context,
                                     const v1::PrepareRequest* request,
                                     v1::PrepareResponse* response) {
  const auto prepare = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(PrepareSpec spec,
                     FromProto(*request, info_.default_engine));
    spec.client = deps_.peers.ClientOf(context->peer());
    const CallCancel cancel(call_watcher_, context);
    ASSIGN_OR_RETURN(const Prepared prepared,
                     deps_.prepares.Prepare(spec, cancel.token()));
    *response->mutable_plan() = ToProto(prepared.plan);
    if (prepared.job.has_value()) {
      *response->mutable_job() =
          ToProto(prepared.job->job->Snapshot(), deps_.objects);
      response->set_interest_id(prepared.job->interest_id);
      response->set_miss_reason(prepared.job->miss_reason);
    }
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, prepare());
}

grpc::Status BottledService::ListBottles(
    grpc::ServerContext* context, const v1::ListBottlesRequest* /*request*/,
    v1::ListBottlesResponse* response) {
  const absl::StatusOr<std::vector<BottleView>> bottles = deps_.bottles.List();
  if (bottles.ok()) {
    for (const BottleView& bottle : *bottles) {
      *response->add_bottles() = ToProto(bottle);
    }
  }
  return ToGrpcStatus(context, bottles.status());
}

grpc::Status BottledService::GetBottle(grpc::ServerContext* context,
                                       const v1::GetBottleRequest* request,
                                       v1::GetBottleResponse* response) {
  const auto get = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const BottleView bottle,
                     deps_.bottles.Find(request->slug()));
    *response->mutable_bottle() = ToProto(bottle);
    ASSIGN_OR_RETURN(const std::string text,
                     deps_.bottles.PlanText(bottle.record.slug));
    if (!text.empty()) {
      ASSIGN_OR_RETURN(*response->mutable_plan(), PlanFromJson(text));
    }
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, get());
}

grpc::Status BottledService::RemoveBottle(
    grpc::ServerContext* context, const v1::RemoveBottleRequest* request,
    v1::RemoveBottleResponse* response) {
  const absl::StatusOr<BottleView> bottle =
      deps_.bottles.Remove(request->slug());
  if (bottle.ok()) {
    *response->mutable_bottle() = ToProto(*bottle);
  }
  return ToGrpcStatus(context, bottle.status());
}

grpc::Status BottledService::ReportConflict(
    grpc::ServerContext* context, const v1::ReportConflictRequest* request,
    v1::ReportConflictResponse* response) {
  const auto report = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::optional<EngineEndpoint> engine,
                     OptionalEngine(request->has_engine(), request->engine(),
                                    info_.default_engine));
    const CallCancel cancel(call_watcher_, context);
    ASSIGN_OR_RETURN(const Plan plan, deps_.bottles.ReportConflict(
                                          request->slug(), request->subnet(),
                                          engine, cancel.token()));
    *response->mutable_plan() = ToProto(plan);
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, report());
}

grpc::Status BottledService::Diagnose(grpc::ServerContext* context,
                                      const v1::DiagnoseRequest* request,
                                      v1::DiagnoseResponse* response) {
  const auto diagnose = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckText(request->path(), kMaxSearchPathBytes, "PATH"));
    absl::StatusOr<EngineEndpoint> engine = info_.default_engine;
    if (request->has_engine()) {
      engine = EndpointFromProto(request->engine());
    }
    RETURN_IF_ERROR(engine.status());
    const CallCancel cancel(call_watcher_, context);
    for (const Finding& finding :
         deps_.preflight.Diagnose(*engine, request->path(), cancel.token())) {
      *response->add_findings() = ToProto(finding);
    }
    return absl::OkStatus();
  };
  return ToGrpcStatus(context, diagnose());
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* BottledService::WatchEvents(
    grpc::CallbackServerContext* context,
    const v1::WatchEventsRequest* request) {
  return new EventsReactor({.feed = deps_.feed, .hub = watch_hub_}, context,
                           *request);
}

}  // namespace bottled
