// EgressGate: an mitmproxy add-on that narrows routes to paths and adds the
// credentials that the guest must not see.
//
// Writes routes.yaml, which is JSON (so also YAML): the add-on reads it with
// Python's json and needs nothing but mitmproxy. Secrets are the names of
// variables: EGRESS_TOKEN_<n> in the bundle, taken from the host's at launch.

#ifndef BOTTLED_BOTTLE_GATE_EGRESS_H_
#define BOTTLED_BOTTLE_GATE_EGRESS_H_

#include <map>
#include <string>

#include "bottle/gate.h"

namespace bottled {

class EgressGate : public Gate {
 public:
  std::string_view name() const override { return "egress"; }
  // None on the endpoint: it listens inside of the bundle only (kEgressPort).
  int port() const override { return 0; }
  // When there is a route.
  bool Wanted(const Manifest& manifest) const override;
  absl::StatusOr<GateOutput> Render(const GateInput& input) const override;
};

// The routes in the order of the manifest, indented JSON with a newline at its
// end: per route host, path_allowlist, auth_scheme and token_env, the latter
// two only with credentials, and token_env only for a token_ref that
// `token_envs` maps. Values must have passed CheckRoutes().
std::string RoutesText(const Manifest& manifest,
                       const std::map<std::string, std::string>& token_envs);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GATE_EGRESS_H_
