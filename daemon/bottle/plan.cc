#include "bottle/plan.h"

#include <utility>

#include "base/status_macros.h"
#include "bottle/compose.h"
#include "bottle/guest_env.h"
#include "bottle/plan_json.h"
#include "fmt/format.h"

namespace bottled {
namespace {

// Takes a gate's output into the plan: its paths become relative to the
// bottle's directory, its writable directories become mounts.
void AddGate(const RenderedGate& gate, Plan& plan) {
  PlanGate out{.name = gate.name,
               .port = gate.port,
               .files = {},
               .mounts = gate.output.mounts,
               .env_refs = gate.output.env_refs};
  for (const GateFile& file : gate.output.files) {
    std::string path = gate.name + "/" + file.path;
    out.files.push_back(path);
    plan.files.push_back({.path = std::move(path),
                          .content = file.content,
                          .target = file.target});
  }
  for (const GateMount& directory : gate.output.directories) {
    std::string path = gate.name + "/" + directory.source;
    out.mounts.push_back({.source = (plan.directory / path).native(),
                          .target = directory.target,
                          .read_only = false});
    plan.directories.push_back(std::move(path));
  }
  plan.warnings.insert(plan.warnings.end(), gate.output.warnings.begin(),
                       gate.output.warnings.end());
  plan.gates.push_back(std::move(out));
}

}  // namespace

absl::StatusOr<Plan> MakePlan(PlanInput input) {
  const GateInput gate_input{.manifest = input.manifest,
                             .identity = input.identity,
                             .addresses = input.addresses};
  std::vector<RenderedGate> rendered;
  for (const Gate* gate : AllGates()) {
    if (gate->Wanted(input.manifest)) {
      ASSIGN_OR_RETURN(GateOutput output, gate->Render(gate_input));
      rendered.push_back({.name = std::string(gate->name()),
                          .port = gate->port(),
                          .output = std::move(output)});
    }
  }
  Plan plan{.identity = input.identity,
            .revision = 0,
            .manifest = {},
            .addresses = input.addresses,
            .cwd = input.cwd,
            .copy_cwd = input.copy_cwd,
            .started_ms = input.started_ms,
            .artifact = input.artifact,
            .directory = input.directory,
            .guest_env = MakeGuestEnv(input.manifest, input.addresses),
            .gates = {},
            .files = {},
            .directories = {},
            .warnings = input.manifest.warnings};
  plan.files.push_back({.path = std::string(kPromptFile),
                        .content = input.manifest.agent.prompt,
                        .target = ""});
  for (const RenderedGate& gate : rendered) {
    AddGate(gate, plan);
  }
  plan.files.push_back(
      {.path = std::string(kComposeFile),
       .content = RenderCompose(gate_input, rendered,
                                {.bundle_image = input.bundle_image,
                                 .state_dir = input.directory.native()}),
       .target = ""});
  plan.files.push_back({.path = std::string(kMetadataFile),
                        .content = MetadataJson(input),
                        .target = ""});
  for (BottleFile& file : plan.files) {
    file.sha256 = Sha256Of(file.content).hex();
  }
  plan.manifest = std::move(input.manifest);
  return plan;
}

std::vector<std::string> SmolvmArgv(const Plan& plan) {
  if (!plan.artifact.has_value()) {
    return {};
  }
  const std::string endpoint = plan.addresses.endpoint_ip().ToString();
  std::vector<std::string> argv = {
      "smolvm",
      "machine",
      "create",
      "--name",
      plan.identity.machine,
      "--from",
      plan.artifact->path,
      "--net",
      "--allow-cidr",
      endpoint + "/32",
      "--dns",
      endpoint,
      "--label",
      "bottled.slug=" + plan.identity.slug,
      "--label",
      fmt::format("bottled.plan={}", plan.revision)};
  for (const std::string& variable : plan.guest_env) {
    argv.emplace_back("-e");
    argv.push_back(variable);
  }
  return argv;
}

}  // namespace bottled
