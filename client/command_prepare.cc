#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/argv_text.h"
#include "client/bottle_request.h"
#include "client/commands.h"
#include "client/describe_bottles.h"
#include "client/errors.h"
#include "client/interrupt.h"
#include "client/json.h"
#include "client/machine_check.h"
#include "client/user_sink.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

absl::StatusOr<v1::Plan> Resolve(const Context& context,
                                 const v1::ResolveRequest& request,
                                 int interrupt_fd) {
  ASSIGN_OR_RETURN(v1::ResolveResponse response,
                   context.session.Call<v1::ResolveResponse>(
                       "Resolve", request, kEngineTimeout, interrupt_fd));
  if (!response.has_plan()) {
    return BadAnswer("Resolve", "it holds no plan");
  }
  return std::move(*response.mutable_plan());
}

// Checks the machine if that is wanted, then prints.
absl::Status Conclude(const Context& context, const v1::Plan& plan,
                      int interrupt_fd) {
  const Options& options = context.options;
  Output& out = context.out;
  if (!out.json()) {
    // Of policy, not of progress: --quiet does not hide them.
    out.Progress(DescribeWarnings(plan));
  }
  if (!options.verify.empty()) {
    RETURN_IF_ERROR(
        CheckMachine(plan, options.verify, context.env_list, interrupt_fd));
  }
  if (out.json()) {
    out.JsonLine("plan", PlanToJson(plan));
    return absl::OkStatus();
  }
  if (options.argv == ArgvFormat::kNone) {
    // As it is: the path is to be used.
    out.Result(plan.plan_file() + "\n");
    return absl::OkStatus();
  }
  if (plan.smolvm_argv().empty()) {
    return PlanIncomplete(plan.slug());
  }
  const std::vector<std::string> argv(plan.smolvm_argv().begin(),
                                      plan.smolvm_argv().end());
  out.Result(options.argv == ArgvFormat::kNul ? NulWords(argv)
                                              : ShellLine(argv));
  return absl::OkStatus();
}

absl::Status PrintJob(const v1::PrepareResponse& response, Output& out) {
  if (out.json()) {
    out.JsonLine("plan", PlanToJson(response.plan()));
    out.JsonLine("job", ToJson(response.job()));
    return absl::OkStatus();
  }
  const std::string slug = Printable(response.plan().slug());
  out.Info(fmt::format(
      "bottle {}; once the job is done: bottlectl prepare --resume {}", slug,
      slug));
  out.Result(Printable(response.job().id()) + "\n");
  return absl::OkStatus();
}

// Follows the job, and asks for the plan that its artifact makes whole.
absl::StatusOr<v1::Plan> Finish(const Context& context,
                                const v1::BottleRequest& bottle,
                                const v1::PrepareResponse& response,
                                int interrupt_fd) {
  const std::string& slug = response.plan().slug();
  const absl::StatusOr<v1::Artifact> artifact =
      FollowForUser(context.session,
                    {.job_id = response.job().id(),
                     .interest_id = response.interest_id(),
                     .after_seq = 0,
                     .upload_id = "",
                     .upload_fd = -1,
                     .interrupt_fd = interrupt_fd},
                    context.out);
  if (!artifact.ok()) {
    if (!bottle.agent().empty()) {
      context.out.Info(fmt::format(
          "bottle {0} stays; bottlectl prepare --resume {0} goes on with it, "
          "bottlectl bottles rm {0} deletes it",
          Printable(slug)));
    }
    return artifact.status();
  }
  if (!context.out.json()) {
    PrintNotes(*artifact, context.out);
  }
  return Resolve(context, MakeFinishRequest(bottle, slug, artifact->digest()),
                 interrupt_fd);
}

}  // namespace

absl::Status RunPrepare(const Context& context) {
  const Options& options = context.options;
  const Interrupt interrupt;
  if (options.no_pack) {
    v1::ResolveRequest request;
    ASSIGN_OR_RETURN(*request.mutable_bottle(),
                     MakeBottleRequest(options, context.env));
    ASSIGN_OR_RETURN(const v1::Plan plan,
                     Resolve(context, request, interrupt.fd()));
    return Conclude(context, plan, interrupt.fd());
  }
  ASSIGN_OR_RETURN(const v1::PrepareRequest request,
                   MakePrepareRequest(options, context.env, context.env_list));
  ASSIGN_OR_RETURN(const v1::PrepareResponse response,
                   context.session.Call<v1::PrepareResponse>(
                       "Prepare", request, kEngineTimeout, interrupt.fd()));
  if (!response.has_plan()) {
    return BadAnswer("Prepare", "it holds no plan");
  }
  if (!response.has_job()) {
    return Conclude(context, response.plan(), interrupt.fd());
  }
  if (options.detach) {
    return PrintJob(response, context.out);
  }
  ASSIGN_OR_RETURN(const v1::Plan plan,
                   Finish(context, request.bottle(), response, interrupt.fd()));
  return Conclude(context, plan, interrupt.fd());
}

absl::Status RunPlan(const Context& context) {
  v1::ResolveRequest request;
  ASSIGN_OR_RETURN(*request.mutable_bottle(),
                   MakeBottleRequest(context.options, context.env));
  request.set_dry_run(true);
  ASSIGN_OR_RETURN(const v1::Plan plan, Resolve(context, request, -1));
  if (context.options.explain && !plan.has_policy()) {
    return BadAnswer("Resolve", "the plan holds no policy");
  }
  if (context.out.json()) {
    context.out.JsonLine("plan", PlanToJson(plan));
  } else {
    context.out.Result(context.options.explain ? DescribePolicy(plan)
                                               : DescribePlan(plan));
  }
  return absl::OkStatus();
}

}  // namespace bottled::client
