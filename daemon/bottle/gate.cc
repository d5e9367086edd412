#include "bottle/gate.h"

#include <array>

#include "bottle/gate_egress.h"
#include "bottle/gate_git.h"
#include "bottle/gate_pipelock.h"
#include "bottle/gate_supervise.h"

namespace bottled {

std::span<const Gate* const> AllGates() {
  static const PipelockGate pipelock;
  static const GitGate git;
  static const EgressGate egress;
  static const SuperviseGate supervise;
  static const std::array<const Gate*, 4> gates = {&pipelock, &git, &egress,
                                                   &supervise};
  return gates;
}

}  // namespace bottled
