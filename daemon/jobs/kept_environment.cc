#include "jobs/kept_environment.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/ascii.h"

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

// What an endpoint was found by.
constexpr std::array<std::string_view, 5> kEngineVariables = {
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS",
    "DOCKER_TLS_VERIFY"};

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

bool NeedsMoreThanKept(const std::map<std::string, std::string>& environment) {
  const auto is_in = [](const auto& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  return std::any_of(
      environment.begin(), environment.end(), [&](const auto& variable) {
        const std::string name = absl::AsciiStrToLower(variable.first);
        const bool matters =
            name.starts_with("docker_") || name.starts_with("buildkit_") ||
            name.starts_with("buildx_") || name.ends_with("_proxy");
        return matters && !is_in(kKeptVariables, variable.first) &&
               !is_in(kEngineVariables, variable.first);
      });
}

bool HasNoSecrets(const BuildSpec& build) {
  // The address of a remote context may hold a password.
  return build.context.starts_with('/') && build.args.empty() &&
         build.secrets.empty() && build.ssh.empty();
}

}  // namespace bottled
