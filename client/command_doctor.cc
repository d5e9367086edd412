#include <unistd.h>

#include <string>

#include "base/status_macros.h"
#include "bottled/v1/bottled.pb.h"
#include "client/checks.h"
#include "client/commands.h"
#include "client/describe_bottles.h"
#include "client/engine_endpoint.h"
#include "client/errors.h"
#include "client/json.h"
#include "client/version.h"

namespace bottled::client {
namespace {

constexpr const char* kDaemonsChecks[] = {"engine", "push", "smolvm", "kvm",
                                          "disk"};

// Output's own answer is about stderr.
bool WantsColor(const Context& context) {
  return context.options.color == ColorMode::kAlways ||
         (context.out.color() && ::isatty(STDOUT_FILENO) == 1);
}

// Adds what the daemon finds.
void Diagnose(const Context& context, v1::DiagnoseResponse& all) {
  v1::DiagnoseRequest request;
  request.set_path(context.env("PATH").value_or(""));
  const absl::StatusOr<v1::EngineEndpoint> engine =
      MakeEngineEndpoint(context.env, context.options.engine);
  if (engine.ok()) {
    *request.mutable_engine() = *engine;
  } else {
    *all.add_findings() = FailedFinding("engine", engine.status());
  }
  const absl::StatusOr<v1::DiagnoseResponse> response =
      context.session.Call<v1::DiagnoseResponse>("Diagnose", request,
                                                 kEngineTimeout);
  if (!response.ok()) {
    *all.add_findings() = FailedFinding("daemon", response.status());
    return;
  }
  for (const v1::Finding& finding : response->findings()) {
    // Of an engine that nobody asked about.
    if (engine.ok() ||
        (finding.check() != "engine" && finding.check() != "push")) {
      *all.add_findings() = finding;
    }
  }
}

}  // namespace

absl::Status RunDoctor(const Context& context) {
  const absl::StatusOr<v1::GetInfoResponse> info =
      context.session.Call<v1::GetInfoResponse>("GetInfo",
                                                v1::GetInfoRequest());
  v1::DiagnoseResponse all;
  *all.add_findings() =
      CheckSocket(LookAtSocket(context.session.places().socket.native()), info,
                  info.ok() ? context.session.peer() : PeerCredentials());
  *all.add_findings() = CheckDaemon(info, kVersion);
  if (info.ok()) {
    Diagnose(context, all);
  } else {
    for (const char* check : kDaemonsChecks) {
      *all.add_findings() = SkippedFinding(check);
    }
  }
  if (context.out.json()) {
    context.out.JsonLine("findings", JsonArray(all.findings()));
  } else {
    context.out.Result(DescribeFindings(all.findings(), WantsColor(context)));
  }
  const int bad = CountFailures(all.findings());
  return bad == 0 ? absl::OkStatus() : ChecksFailed(bad, all.findings_size());
}

}  // namespace bottled::client
