// Reads the answer of `GET /info`: which product an engine is, and whether its
// networks can be reached from this host.
//
// Everything comes from /info alone: podman needs half a second for /version
// (measured), and says what it is in /info too.

#ifndef BOTTLED_ENGINE_DESCRIPTION_H_
#define BOTTLED_ENGINE_DESCRIPTION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bottled {

enum class EngineKind {
  kNative,  // dockerd as root, or anything that looks like it
  kRootless,
  kDockerDesktop,
  kOrbStack,
  kColima,
  kRancherDesktop,
  kLima,
  kPodman,
};

// "native", "rootless", "Docker Desktop", "OrbStack", "Colima", "Rancher
// Desktop", "Lima", "podman".
std::string_view EngineKindName(EngineKind kind);

// All texts are printable and bounded; empty when the engine does not tell.
struct EngineDescription {
  // Stable, but podman's is another one in each answer (measured).
  std::string id;
  std::string name;  // its host's name
  std::string os;    // "linux"
  std::string operating_system;
  std::string server_version;
  std::string driver;  // storage: "overlay2", "overlayfs"
  std::string kernel;
  std::string root_dir;
  // "name=seccomp,profile=builtin"; at most 64.
  std::vector<std::string> security_options;
  bool rootless = false;
  EngineKind kind = EngineKind::kNative;
  // The product runs in a VM, or the kernel is not this host's: the engine's
  // bridges are in another machine.
  bool in_vm = false;

  // Whether this host has the engine's bridge networks. A rootless engine has
  // them in a network namespace of its own. False calls for the loopback
  // endpoint mode.
  bool BridgeReachable() const { return !in_vm && !rootless; }
};

// `host_kernel` is this host's release as uname(2) tells it, to which the
// engine's is compared; empty = not compared. Members may be null or absent.
// The evidence for each product is in the .cc. Reason ENGINE_ANSWER_INVALID.
// Pure, thread-safe.
absl::StatusOr<EngineDescription> ParseDescription(
    std::string_view info_json, std::string_view host_kernel);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_DESCRIPTION_H_
