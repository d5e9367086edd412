// Gate: one of the bundle's daemons in front of the guest, as a renderer of its
// config files.
//
// A gate turns a manifest into files; it starts nothing. Values of users never
// become shell or unquoted YAML: scripts are fixed, data goes into data files.
// Secrets appear by reference only: the name of the host's variable, or the
// path of a key's file. Gates are stateless and thread-safe; Render() is pure
// but for reading nothing at all: a key's file is not opened.

#ifndef BOTTLED_BOTTLE_GATE_H_
#define BOTTLED_BOTTLE_GATE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bottle/addresses.h"
#include "bottle/identity.h"
#include "bottle/manifest.h"
#include "bottle/warning.h"

namespace bottled {

// Ports on the endpoint address. The guest's environment names them.
inline constexpr int kPipelockPort = 8888;
inline constexpr int kGitGatePort = 9418;
inline constexpr int kSupervisePort = 9100;
// Only inside of the bundle, on 127.0.0.1.
inline constexpr int kEgressPort = 9099;

struct GateInput {
  const Manifest& manifest;
  const Identity& identity;
  const Addresses& addresses;
};

// A file in the gate's directory, mode 0600.
struct GateFile {
  // Relative to the gate's directory, "hooks/pre-receive" for example.
  std::string path;
  std::string content;
  // Absolute path in the bundle's container, mounted read-only; empty = not
  // mounted (a file for the guest or the launcher).
  std::string target;
};

// Something of the host that the bundle's container sees.
struct GateMount {
  std::string source;  // absolute path on the host
  std::string target;  // absolute path in the container
  bool read_only = true;
};

// A variable of the bundle whose value the launcher takes from its own
// environment at launch; never written anywhere.
struct EnvRef {
  std::string name;  // EGRESS_TOKEN_0
  std::string from;  // CLAUDE_CODE_OAUTH_TOKEN
};

struct GateOutput {
  std::vector<GateFile> files;
  // Directories that the gate writes to, relative to its own, mode 0700, with
  // their targets; mounted read-write.
  std::vector<GateMount> directories;
  std::vector<GateMount> mounts;
  std::vector<EnvRef> env_refs;
  std::vector<Warning> warnings;
};

class Gate {
 public:
  virtual ~Gate() = default;

  // "pipelock": also the name of its directory.
  virtual std::string_view name() const = 0;
  // The port on the endpoint address, 0 when it has none.
  virtual int port() const = 0;
  // Whether the manifest asks for it.
  virtual bool Wanted(const Manifest& manifest) const = 0;
  // Reason GATE_UNRENDERABLE for values that its config cannot express.
  virtual absl::StatusOr<GateOutput> Render(const GateInput& input) const = 0;
};

// pipelock, git-gate, egress, supervise: in this order, always the same.
std::span<const Gate* const> AllGates();

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GATE_H_
