// The git gate's shell scripts and gitleaks config, as text.
//
// Fixed POSIX sh: what differs between bottles is in upstreams.tsv and the
// known_hosts files. docs/gates.md describes the container that runs them; they
// need git 2.35 or later, ssh, flock and gitleaks 8 on its PATH.

#ifndef BOTTLED_BOTTLE_GIT_GATE_SCRIPTS_H_
#define BOTTLED_BOTTLE_GIT_GATE_SCRIPTS_H_

#include <string_view>

namespace bottled {

// Makes a bare repository per upstream, then becomes `git daemon`.
extern const std::string_view kGitGateEntrypoint;
// git daemon's --access-hook: fetches before anybody reads or pushes.
extern const std::string_view kGitGateAccessHook;
// Scans what a push adds and hands it to the upstream, or refuses it.
extern const std::string_view kGitGatePreReceive;
// gitleaks with its own rules, whatever the pushed tree says.
extern const std::string_view kGitGateGitleaks;

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GIT_GATE_SCRIPTS_H_
