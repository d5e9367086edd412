#include "jobs/kept_environment.h"

#include <array>
#include <string_view>

namespace bottled {
namespace {

// Where programs, their configuration and their sockets are. Proxies may have
// passwords in them, and everything else may be one.
constexpr std::array<std::string_view, 12> kKeptVariables = {"PATH",
                                                             "HOME",
                                                             "USER",
                                                             "LANG",
                                                             "LC_ALL",
                                                             "TMPDIR",
                                                             "LOGNAME",
                                                             "DOCKER_CONFIG",
                                                             "XDG_RUNTIME_DIR",
                                                             "XDG_CONFIG_HOME",
                                                             "BUILDX_BUILDER",
                                                             "BUILDX_CONFIG"};

}  // namespace

std::map<std::string, std::string> KeptEnvironment(
    const std::map<std::string, std::string>& environment) {
  std::map<std::string, std::string> kept;
  for (const std::string_view name : kKeptVariables) {
    const auto found = environment.find(std::string(name));
    if (found != environment.end()) {
      kept.insert(*found);
    }
  }
  return kept;
}

bool HasNoSecrets(const BuildSpec& build) {
  // The address of a remote context may hold a password.
  return build.context.starts_with('/') && build.args.empty() &&
         build.secrets.empty() && build.ssh.empty();
}

}  // namespace bottled
