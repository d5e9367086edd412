// PipelockGate: the proxy that the guest's HTTP goes through.
//
// Writes pipelock.yaml in the key set of pipelock 2.3.0, whose loader refuses
// unknown and duplicate keys. Always strict and enforcing: balanced with an
// empty list lets everything through, and strict needs at least one host, so a
// bottle without routes gets a name that exists nowhere (RFC 6761).

#ifndef BOTTLED_BOTTLE_GATE_PIPELOCK_H_
#define BOTTLED_BOTTLE_GATE_PIPELOCK_H_

#include "bottle/gate.h"

namespace bottled {

class PipelockGate : public Gate {
 public:
  std::string_view name() const override { return "pipelock"; }
  int port() const override { return kPipelockPort; }
  // Always: without it the guest has no way out at all, and no explanation.
  bool Wanted(const Manifest& manifest) const override;
  absl::StatusOr<GateOutput> Render(const GateInput& input) const override;
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GATE_PIPELOCK_H_
