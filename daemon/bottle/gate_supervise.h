// SuperviseGate: an MCP server by which the guest sees its policy and asks for
// more.
//
// It gets the policy read-only, without any name of a secret, and a directory
// for the questions, which the launcher reads and answers.

#ifndef BOTTLED_BOTTLE_GATE_SUPERVISE_H_
#define BOTTLED_BOTTLE_GATE_SUPERVISE_H_

#include "bottle/gate.h"

namespace bottled {

class SuperviseGate : public Gate {
 public:
  std::string_view name() const override { return "supervise"; }
  int port() const override { return kSupervisePort; }
  bool Wanted(const Manifest& manifest) const override;
  absl::StatusOr<GateOutput> Render(const GateInput& input) const override;
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GATE_SUPERVISE_H_
