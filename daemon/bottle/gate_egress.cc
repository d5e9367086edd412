#include "bottle/gate_egress.h"

#include "base/status_macros.h"
#include "bottle/egress_addon.h"
#include "bottle/gate_checks.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace bottled {

bool EgressGate::Wanted(const Manifest& manifest) const {
  return !manifest.bottle.routes.empty();
}

absl::StatusOr<GateOutput> EgressGate::Render(const GateInput& input) const {
  RETURN_IF_ERROR(CheckRoutes(name(), input.manifest));
  GateOutput out;
  std::map<std::string, std::string> token_envs;
  for (const EgressRoute& route : input.manifest.bottle.routes) {
    if (!route.auth.has_value()) {
      continue;
    }
    const auto [it, added] = token_envs.try_emplace(
        route.auth->token_ref,
        fmt::format("EGRESS_TOKEN_{}", token_envs.size()));
    if (added) {
      out.env_refs.push_back({.name = it->second, .from = it->first});
    }
  }
  out.files.push_back({.path = "routes.yaml",
                       .content = RoutesText(input.manifest, token_envs),
                       .target = "/etc/bottled/egress/routes.yaml"});
  out.files.push_back({.path = "addon.py",
                       .content = std::string(kEgressAddon),
                       .target = "/etc/bottled/egress/addon.py"});
  return out;
}

std::string RoutesText(const Manifest& manifest,
                       const std::map<std::string, std::string>& token_envs) {
  using Json = nlohmann::ordered_json;
  Json routes = Json::array();
  for (const EgressRoute& route : manifest.bottle.routes) {
    Json entry = {{"host", route.host},
                  {"path_allowlist", route.path_allowlist}};
    if (route.auth.has_value()) {
      entry["auth_scheme"] = route.auth->scheme;
      const auto it = token_envs.find(route.auth->token_ref);
      if (it != token_envs.end()) {
        entry["token_env"] = it->second;
      }
    }
    routes.push_back(std::move(entry));
  }
  const Json root = {{"routes", std::move(routes)}};
  return root.dump(2, ' ', /*ensure_ascii=*/true,
                   Json::error_handler_t::replace) +
         "\n";
}

}  // namespace bottled
