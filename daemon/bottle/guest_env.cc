#include "bottle/guest_env.h"

#include "bottle/gate.h"
#include "fmt/format.h"

namespace bottled {
std::vector<std::string> MakeGuestEnv(const Manifest& manifest,
                                      const Addresses& addresses) {
  std::vector<std::string> env;
  for (const ManifestEnv& variable : manifest.bottle.env) {
    if (!variable.secret_like) {
      env.push_back(variable.name + "=" + variable.value);
    }
  }
  const std::string endpoint = addresses.endpoint_ip().ToString();
  const std::string proxy =
      fmt::format("http://{}:{}", endpoint, kPipelockPort);
  for (const char* name :
       {"HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"}) {
    env.push_back(fmt::format("{}={}", name, proxy));
  }
  for (const char* name : {"NO_PROXY", "no_proxy"}) {
    env.push_back(fmt::format("{}=localhost,127.0.0.1,::1,{}", name, endpoint));
  }
  if (!manifest.bottle.repos.empty()) {
    env.push_back(
        fmt::format("GIT_GATE_URL=git://{}:{}", endpoint, kGitGatePort));
  }
  if (manifest.bottle.supervise) {
    env.push_back(fmt::format("MCP_SUPERVISE_URL=http://{}:{}/", endpoint,
                              kSupervisePort));
  }
  return env;
}

}  // namespace bottled
