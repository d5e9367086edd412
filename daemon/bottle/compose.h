// compose.yaml: the bundle, the one container that runs a bottle's gates.
//
// A convenience for launchers: the plan has the same facts. Everything that
// comes from elsewhere is quoted for YAML, and for compose's own interpolation
// by doubling "$". Secrets are interpolated by compose from the launcher's
// environment, so they are in no file. Understood by docker compose 2 and
// docker-compose 1.29. Pure, thread-safe.

#ifndef BOTTLED_BOTTLE_COMPOSE_H_
#define BOTTLED_BOTTLE_COMPOSE_H_

#include <string>
#include <vector>

#include "bottle/gate.h"

namespace bottled {

struct RenderedGate {
  std::string name;
  int port = 0;  // on the endpoint; 0 = none
  GateOutput output;
};

struct ComposeOptions {
  // With the gates' programs; docs/gates.md says what it must do.
  std::string bundle_image;
  // The bottle's directory, absolute: <state>/bottles/<slug>.
  std::string state_dir;
};

// The whole text. Bytes that are not UTF-8 in the options become U+FFFD, which
// docker then refuses as a path that does not exist.
std::string RenderCompose(const GateInput& input,
                          const std::vector<RenderedGate>& gates,
                          const ComposeOptions& options);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_COMPOSE_H_
