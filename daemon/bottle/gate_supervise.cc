#include "bottle/gate_supervise.h"

#include <set>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "bottle/gate_checks.h"
#include "bottle/gate_egress.h"

namespace bottled {

bool SuperviseGate::Wanted(const Manifest& manifest) const {
  return manifest.bottle.supervise;
}

absl::StatusOr<GateOutput> SuperviseGate::Render(const GateInput& input) const {
  RETURN_IF_ERROR(CheckRoutes(name(), input.manifest));
  std::set<std::string> hosts;
  for (const EgressRoute& route : input.manifest.bottle.routes) {
    hosts.insert(route.host);
  }
  std::string allowlist;
  for (const std::string& host : hosts) {
    allowlist += host + "\n";
  }
  const std::string target = "/etc/bottled/supervise/current-config/";
  GateOutput out;
  // The guest reads it: no token_env.
  out.files.push_back({.path = "current-config/routes.yaml",
                       .content = RoutesText(input.manifest, {}),
                       .target = target + "routes.yaml"});
  out.files.push_back({.path = "current-config/allowlist",
                       .content = std::move(allowlist),
                       .target = target + "allowlist"});
  out.directories.push_back({.source = "queue",
                             .target = "/var/lib/bottled/supervise/queue",
                             .read_only = false});
  return out;
}

}  // namespace bottled
