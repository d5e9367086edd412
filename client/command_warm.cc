#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/commands.h"
#include "client/describe_warm.h"
#include "client/interrupt.h"
#include "client/json.h"
#include "client/stub.h"
#include "client/warm_request.h"

namespace bottled::client {
namespace {

// What was done to a target, as JSON or as its ID alone.
void PrintTarget(const Context& context, const char* what,
                 const v1::WarmTarget& target) {
  if (context.out.json()) {
    context.out.JsonLine(what, ToJson(target));
  } else {
    context.out.Result(Printable(target.id()) + "\n");
  }
}

}  // namespace

absl::Status RunWarm(const Context& context) {
  ASSIGN_OR_RETURN(
      const v1::WarmRequest request,
      MakeWarmRequest(context.options, context.env, context.env_list));
  const Interrupt interrupt;
  ASSIGN_OR_RETURN(const v1::WarmResponse response,
                   context.session.Call<v1::WarmResponse>(
                       "Warm", request, kEngineTimeout, interrupt.fd()));
  if (context.out.json()) {
    context.out.JsonLine("warmed", JsonArray(response.results()));
  } else {
    context.out.Result(DescribeWarmed(request, response));
  }
  // What is kept is tried again; of the rest the first failure is ours.
  for (const v1::Warmed& result : response.results()) {
    if (result.has_failure() && !result.has_target()) {
      return ToStatus(result.failure());
    }
  }
  return absl::OkStatus();
}

absl::Status RunWarmList(const Context& context) {
  ASSIGN_OR_RETURN(const v1::ListWarmTargetsResponse response,
                   context.session.Call<v1::ListWarmTargetsResponse>(
                       "ListWarmTargets", v1::ListWarmTargetsRequest()));
  if (context.out.json()) {
    context.out.JsonLine("targets", JsonArray(response.targets()));
  } else {
    context.out.Result(DescribeWarmTargets(response, Clock::System().NowMs()));
  }
  return absl::OkStatus();
}

absl::Status RunWarmRemove(const Context& context) {
  // One after the other: those before an error are gone, and printed.
  for (const std::string& target : context.options.targets) {
    v1::RemoveWarmTargetRequest request;
    request.set_target(target);
    ASSIGN_OR_RETURN(const v1::RemoveWarmTargetResponse response,
                     context.session.Call<v1::RemoveWarmTargetResponse>(
                         "RemoveWarmTarget", request));
    PrintTarget(context, "removed", response.target());
  }
  return absl::OkStatus();
}

absl::Status RunWarmResume(const Context& context) {
  for (const std::string& target : context.options.targets) {
    v1::ResumeWarmTargetRequest request;
    request.set_target(target);
    ASSIGN_OR_RETURN(const v1::ResumeWarmTargetResponse response,
                     context.session.Call<v1::ResumeWarmTargetResponse>(
                         "ResumeWarmTarget", request));
    PrintTarget(context, "resumed", response.target());
  }
  return absl::OkStatus();
}

}  // namespace bottled::client
