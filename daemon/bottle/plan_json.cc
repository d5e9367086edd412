#include "bottle/plan_json.h"

#include "base/strings.h"
#include "fmt/format.h"
#include "image/digest.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

// Keeps the order in which a reader wants the fields.
using Json = nlohmann::ordered_json;

// A name of a file may hold any byte.
std::string Text(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace);
}

std::string OriginText(const Origin& origin) {
  return origin.line > 0 ? fmt::format("{}:{}", origin.file, origin.line)
                         : origin.file;
}

Json AddressesJson(const Addresses& addresses) {
  return {{"mode", EndpointModeText(addresses.mode)},
          {"subnet", addresses.subnet.ToString()},
          {"gateway", addresses.gateway.ToString()},
          {"bundle_ip", addresses.bundle_ip.ToString()},
          {"loopback_ip", addresses.loopback_ip.ToString()},
          {"endpoint_ip", addresses.endpoint_ip().ToString()},
          {"docker_checked", addresses.docker_checked}};
}

Json ArtifactJson(const PlanArtifact& artifact) {
  return {{"digest", artifact.digest.ToString()},
          {"content_key", artifact.content_key},
          {"path", artifact.path},
          {"size_bytes", artifact.size_bytes},
          {"platform", artifact.platform},
          {"config_digest", artifact.config_digest}};
}

Json VerifyJson(const Plan& plan) {
  const std::string endpoint = plan.addresses.endpoint_ip().ToString();
  return {{"min_smolvm", kMinSmolvm},
          {"network", true},
          {"allowed_cidrs", Json::array({endpoint + "/32"})},
          {"dns", endpoint},
          {"labels",
           {{"bottled.slug", plan.identity.slug},
            {"bottled.plan", fmt::format("{}", plan.revision)}}}};
}

Json GateJson(const Plan& plan, const PlanGate& gate) {
  Json files = Json::array();
  for (const std::string& file : gate.files) {
    files.push_back((plan.directory / file).native());
  }
  Json mounts = Json::array();
  for (const GateMount& mount : gate.mounts) {
    mounts.push_back({{"source", mount.source},
                      {"target", mount.target},
                      {"read_only", mount.read_only}});
  }
  Json env_refs = Json::array();
  for (const EnvRef& ref : gate.env_refs) {
    env_refs.push_back({{"name", ref.name}, {"from", ref.from}});
  }
  return {{"name", gate.name},
          {"port", gate.port},
          {"files", std::move(files)},
          {"mounts", std::move(mounts)},
          {"env_refs", std::move(env_refs)}};
}

Json FilesJson(const Plan& plan) {
  Json files = Json::array();
  for (const BottleFile& file : plan.files) {
    files.push_back({{"path", (plan.directory / file.path).native()},
                     {"sha256", file.sha256},
                     {"mode", "0600"},
                     {"target", file.target}});
  }
  return files;
}

Json WarningsJson(const std::vector<Warning>& warnings) {
  Json out = Json::array();
  for (const Warning& warning : warnings) {
    out.push_back({{"reason", warning.reason}, {"message", warning.message}});
  }
  return out;
}

// What the manifest allows, with where it says so.
Json PolicyJson(const BottleSpec& bottle) {
  Json hosts = Json::array();
  for (const EgressRoute& route : bottle.routes) {
    hosts.push_back(
        {{"host", route.host},
         {"path_allowlist", route.path_allowlist},
         {"auth_scheme", route.auth.has_value() ? route.auth->scheme : ""},
         {"token_ref", route.auth.has_value() ? route.auth->token_ref : ""},
         {"origin", OriginText(route.origin)}});
  }
  Json repos = Json::array();
  for (const GitRepo& repo : bottle.repos) {
    repos.push_back({{"name", repo.name},
                     {"url", repo.url},
                     {"origin", OriginText(repo.origin)}});
  }
  Json env = Json::array();
  for (const ManifestEnv& variable : bottle.env) {
    env.push_back({{"name", variable.name},
                   {"origin", OriginText(variable.origin)},
                   {"withheld", variable.secret_like}});
  }
  return {{"hosts", std::move(hosts)},
          {"repos", std::move(repos)},
          {"env", std::move(env)},
          {"merged_from", bottle.files}};
}

}  // namespace

Json PlanDocument(const Plan& plan) {
  const Identity& identity = plan.identity;
  Json gates = Json::array();
  for (const PlanGate& gate : plan.gates) {
    gates.push_back(GateJson(plan, gate));
  }
  Json out = {{"slug", identity.slug},
              {"revision", plan.revision},
              {"backend", kBackend},
              {"agent", plan.manifest.agent.name},
              {"bottles", plan.manifest.bottle.names},
              {"manifest_digest", plan.manifest.digest},
              {"cwd", plan.cwd},
              {"copy_cwd", plan.copy_cwd},
              {"started_at", FormatTimeMs(plan.started_ms)},
              {"machine_name", identity.machine},
              {"names",
               {{"network", identity.network},
                {"container", identity.container},
                {"compose_project", identity.compose_project}}},
              {"addresses", AddressesJson(plan.addresses)}};
  if (plan.artifact.has_value()) {
    out["artifact"] = ArtifactJson(*plan.artifact);
  }
  out["guest_env"] = plan.guest_env;
  out["smolvm_argv"] = SmolvmArgv(plan);
  out["verify"] = VerifyJson(plan);
  out["gates"] = std::move(gates);
  out["files"] = FilesJson(plan);
  out["prompt_file"] = (plan.directory / kPromptFile).native();
  out["compose_file"] = (plan.directory / kComposeFile).native();
  out["metadata_file"] = (plan.directory / kMetadataFile).native();
  out["plan_file"] = (plan.directory / kPlanFile).native();
  out["policy"] = PolicyJson(plan.manifest.bottle);
  out["warnings"] = WarningsJson(plan.warnings);
  return out;
}

std::string PlanDigest(const Plan& plan) {
  Json json = PlanDocument(plan);
  // The command says nothing that other fields do not. Where a line moved to in
  // its file is no change; the manifest's digest says what is one.
  for (const char* field :
       {"revision", "artifact", "smolvm_argv", "warnings", "policy"}) {
    json.erase(field);
  }
  json["verify"]["labels"].erase("bottled.plan");
  json["addresses"].erase("docker_checked");
  return Sha256Of(Text(json, -1)).hex();
}

std::string PlanJson(const Plan& plan) {
  return Text(PlanDocument(plan), 2) + "\n";
}

std::string MetadataJson(const PlanInput& input) {
  const Json out = {{"identity", input.identity.slug},
                    {"agent_name", input.manifest.agent.name},
                    {"cwd", input.cwd},
                    {"copy_cwd", input.copy_cwd},
                    {"started_at", FormatTimeMs(input.started_ms)},
                    {"compose_project", input.identity.compose_project},
                    {"backend", kBackend},
                    {"bottles", input.manifest.bottle.names}};
  return Text(out, 2) + "\n";
}

}  // namespace bottled
