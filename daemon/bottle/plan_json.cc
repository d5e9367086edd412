#include "bottle/plan_json.h"

#include <utility>

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

void AddFields(Json::object_t& /*object*/) {}

template <typename... Rest>
void AddFields(Json::object_t& object, const char* name, Json value,
               Rest&&... rest) {
  object.emplace_back(name, std::move(value));
  AddFields(object, std::forward<Rest>(rest)...);
}

// An object of names and values in turn. Initialiser lists would copy all that
// is in them, which is most of the time that a document takes.
template <typename... Fields>
Json Object(Fields&&... fields) {
  Json::object_t object;
  object.reserve(sizeof...(fields) / 2);
  AddFields(object, std::forward<Fields>(fields)...);
  return Json(std::move(object));
}

template <typename Items, typename ToJson>
Json Array(const Items& items, ToJson to_json) {
  Json::array_t array;
  array.reserve(items.size());
  for (const auto& item : items) {
    array.push_back(to_json(item));
  }
  return Json(std::move(array));
}

Json AddressesJson(const Addresses& addresses) {
  return Object("mode", EndpointModeText(addresses.mode),           //
                "subnet", addresses.subnet.ToString(),              //
                "gateway", addresses.gateway.ToString(),            //
                "bundle_ip", addresses.bundle_ip.ToString(),        //
                "loopback_ip", addresses.loopback_ip.ToString(),    //
                "endpoint_ip", addresses.endpoint_ip().ToString(),  //
                "docker_checked", addresses.docker_checked);
}

Json ArtifactJson(const PlanArtifact& artifact) {
  return Object("digest", artifact.digest.ToString(),  //
                "content_key", artifact.content_key,   //
                "path", artifact.path,                 //
                "size_bytes", artifact.size_bytes,     //
                "platform", artifact.platform,         //
                "config_digest", artifact.config_digest);
}

Json VerifyJson(const Plan& plan) {
  const std::string endpoint = plan.addresses.endpoint_ip().ToString();
  return Object("min_smolvm", kMinSmolvm,                          //
                "network", true,                                   //
                "allowed_cidrs", Json::array({endpoint + "/32"}),  //
                "dns", endpoint,                                   //
                "labels",
                Object("bottled.slug", plan.identity.slug,  //
                       "bottled.plan", fmt::format("{}", plan.revision)));
}

Json GateJson(const Plan& plan, const PlanGate& gate) {
  const auto absolute = [&](const std::string& file) {
    return (plan.directory / file).native();
  };
  const auto mount = [](const GateMount& it) {
    return Object("source", it.source, "target", it.target, "read_only",
                  it.read_only);
  };
  const auto env_ref = [](const EnvRef& it) {
    return Object("name", it.name, "from", it.from);
  };
  return Object("name", gate.name,                     //
                "port", gate.port,                     //
                "files", Array(gate.files, absolute),  //
                "mounts", Array(gate.mounts, mount),   //
                "env_refs", Array(gate.env_refs, env_ref));
}

Json FilesJson(const Plan& plan) {
  return Array(plan.files, [&](const BottleFile& file) {
    return Object("path", (plan.directory / file.path).native(),  //
                  "sha256", file.sha256,                          //
                  "mode", "0600",                                 //
                  "target", file.target);
  });
}

// What the manifest allows, with where it says so.
Json PolicyJson(const BottleSpec& bottle) {
  const auto host = [](const EgressRoute& route) {
    const RouteAuth auth = route.auth.value_or(RouteAuth());
    return Object("host", route.host,                      //
                  "path_allowlist", route.path_allowlist,  //
                  "auth_scheme", auth.scheme,              //
                  "token_ref", auth.token_ref,             //
                  "origin", OriginText(route.origin));
  };
  const auto repo = [](const GitRepo& it) {
    return Object("name", it.name, "url", it.url, "origin",
                  OriginText(it.origin));
  };
  const auto variable = [](const ManifestEnv& it) {
    return Object("name", it.name, "origin", OriginText(it.origin), "withheld",
                  it.secret_like);
  };
  return Object("hosts", Array(bottle.routes, host),  //
                "repos", Array(bottle.repos, repo),   //
                "env", Array(bottle.env, variable),   //
                "merged_from", bottle.files);
}

}  // namespace

Json PlanDocument(const Plan& plan) {
  const Identity& identity = plan.identity;
  Json out = Object("slug", identity.slug,                        //
                    "revision", plan.revision,                    //
                    "backend", kBackend,                          //
                    "agent", plan.manifest.agent.name,            //
                    "bottles", plan.manifest.bottle.names,        //
                    "manifest_digest", plan.manifest.digest,      //
                    "cwd", plan.cwd,                              //
                    "copy_cwd", plan.copy_cwd,                    //
                    "started_at", FormatTimeMs(plan.started_ms),  //
                    "machine_name", identity.machine,             //
                    "names",
                    Object("network", identity.network,                   //
                           "container", identity.container,               //
                           "compose_project", identity.compose_project),  //
                    "addresses", AddressesJson(plan.addresses));
  auto& object = out.get_ref<Json::object_t&>();
  if (plan.artifact.has_value()) {
    AddFields(object, "artifact", ArtifactJson(*plan.artifact));
  }
  const auto gate = [&](const PlanGate& it) { return GateJson(plan, it); };
  const auto warning = [](const Warning& it) {
    return Object("reason", it.reason, "message", it.message);
  };
  const auto absolute = [&](std::string_view file) {
    return (plan.directory / file).native();
  };
  AddFields(object,                                      //
            "guest_env", plan.guest_env,                 //
            "smolvm_argv", SmolvmArgv(plan),             //
            "verify", VerifyJson(plan),                  //
            "gates", Array(plan.gates, gate),            //
            "files", FilesJson(plan),                    //
            "prompt_file", absolute(kPromptFile),        //
            "compose_file", absolute(kComposeFile),      //
            "metadata_file", absolute(kMetadataFile),    //
            "plan_file", absolute(kPlanFile),            //
            "policy", PolicyJson(plan.manifest.bottle),  //
            "warnings", Array(plan.warnings, warning));
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
