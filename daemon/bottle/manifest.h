// What an agent and its bottles say: plain data, checked and merged.
// manifest_load.h makes it of files; everything after works on it alone.
// docs/manifest.md is the format.

#ifndef BOTTLED_BOTTLE_MANIFEST_H_
#define BOTTLED_BOTTLE_MANIFEST_H_

#include <optional>
#include <string>
#include <vector>

#include "bottle/warning.h"

namespace bottled {

// Where a value was written.
struct Origin {
  std::string file;  // absolute
  int line = 0;      // from 1; 0 = not known
  int column = 0;    // from 1

  bool operator==(const Origin&) const = default;
};

struct ManifestEnv {
  std::string name;  // [A-Za-z_][A-Za-z0-9_]*
  std::string value;
  // It has a known token's shape: the guest does not get it.
  bool secret_like = false;
  Origin origin;
};

// How the bundle authenticates to a host for the guest.
struct RouteAuth {
  std::string scheme;     // "Bearer", "Basic", "token": an HTTP token
  std::string token_ref;  // the host's environment variable with the secret
};

// A host that the guest may reach.
struct EgressRoute {
  // Lower-case letters, digits, hyphens and dots, perhaps after "*.".
  std::string host;
  // Prefixes that begin with '/'; empty = every path.
  std::vector<std::string> path_allowlist;
  std::optional<RouteAuth> auth;
  Origin origin;
};

struct GitUser {
  std::string name;
  std::string email;

  bool empty() const { return name.empty() && email.empty(); }
};

// A name that the git gate resolves by itself.
struct ExtraHost {
  std::string host;
  std::string ip;  // IPv4 or IPv6
};

// A repository that the guest may fetch from and push to, through the gate.
struct GitRepo {
  std::string name;      // [a-z0-9][a-z0-9._-]*
  std::string url;       // ssh://user@host[:port]/path, in this form
  std::string host_key;  // "ssh-ed25519 AAAA…": type and base64 key
  std::string key_path;  // absolute; a private key's file on the host
  std::vector<ExtraHost> extra_hosts;
  Origin origin;
};

struct AgentProvider {
  std::string template_name;  // "claude"
  // Absolute, or empty: the image is not built from the manifest.
  std::string dockerfile;
};

// A bottle after `extends` and the list of bottles were merged.
struct BottleSpec {
  // The bottles that were asked for, in order, without their parents.
  std::vector<std::string> names;
  // Every file that was read for it, parents first.
  std::vector<std::string> files;
  // In the order of first appearance.
  std::vector<ManifestEnv> env;
  AgentProvider provider;
  // The agent's own `git-gate: user` is already merged in.
  GitUser git_user;
  std::vector<GitRepo> repos;
  std::vector<EgressRoute> routes;
  bool supervise = false;
};

struct AgentSpec {
  std::string name;  // [a-z0-9][a-z0-9-]*
  std::string file;  // absolute
  // It is the repository's, and hides one of the same name in the home.
  bool shadowed_by_repo = false;
  std::vector<std::string> skills;
  // The body, byte for byte.
  std::string prompt;
};

struct Manifest {
  AgentSpec agent;
  BottleSpec bottle;
  // SHA-256, 64 hexadecimal digits, of everything above but the origins, file
  // names and warnings: the same policy has the same digest.
  std::string digest;
  std::vector<Warning> warnings;
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_H_
