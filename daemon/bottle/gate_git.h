// GitGate: git over ssh for a guest that has neither keys nor a network.
//
// Writes fixed scripts (git_gate_scripts.h), their data in upstreams.tsv, the
// upstreams' host keys, and a gitconfig for the guest that sends the upstreams'
// URLs to the gate. Private keys are mounted from where they are.

#ifndef BOTTLED_BOTTLE_GATE_GIT_H_
#define BOTTLED_BOTTLE_GATE_GIT_H_

#include <optional>
#include <string>
#include <string_view>

#include "bottle/gate.h"

namespace bottled {

class GitGate : public Gate {
 public:
  std::string_view name() const override { return "git-gate"; }
  int port() const override { return kGitGatePort; }
  // When there is a repository.
  bool Wanted(const Manifest& manifest) const override;
  absl::StatusOr<GateOutput> Render(const GateInput& input) const override;
};

// The parts of ssh://user@host[:port]/path. Views into the text.
struct SshUrl {
  std::string_view user;
  std::string_view host;
  int port = 22;
  bool port_given = false;
  std::string_view path;  // with its slash
};

// nullopt unless user and host are plain words that cannot be taken for
// options, the port is 1 to 65535, and the path UTF-8 without blanks and
// controls.
std::optional<SshUrl> ParseSshUrl(std::string_view url);

// `value` as the right side of a git-config line, in quotes (git-config(1),
// "Syntax"). `value` must be one line.
std::string GitConfigQuoted(std::string_view value);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GATE_GIT_H_
