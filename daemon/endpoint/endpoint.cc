#include "endpoint/endpoint.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/status_macros.h"
#include "endpoint/address.h"
#include "endpoint/docker_config.h"
#include "endpoint/errors.h"

namespace bottled {
namespace {

constexpr size_t kMaxText = 4096;

std::string Get(const GetEnv& env, const char* name) {
  return env(name).value_or("");
}

// docker/cli cli/flags/options.go: any value but the empty one counts, also
// "0"; verification is off only when DOCKER_TLS alone is set.
struct TlsWish {
  bool enabled = false;
  bool skip_verify = false;
};

TlsWish TlsFromEnv(const GetEnv& env) {
  const bool verify = !Get(env, "DOCKER_TLS_VERIFY").empty();
  const bool plain = !Get(env, "DOCKER_TLS").empty();
  return {.enabled = verify || plain, .skip_verify = !verify};
}

std::string CertDir(const GetEnv& env) {
  const std::string path = Get(env, "DOCKER_CERT_PATH");
  if (path.empty()) {
    return DockerConfigDir(env).native();
  }
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.native();
}

absl::StatusOr<EngineEndpoint> FromAddress(const GetEnv& env,
                                           const std::string& address,
                                           std::string origin) {
  const TlsWish tls = TlsFromEnv(env);
  EngineEndpoint endpoint;
  ASSIGN_OR_RETURN(endpoint.host, ParseEngineAddress(address, tls.enabled));
  if (tls.enabled && IsTcpAddress(endpoint.host)) {
    endpoint.tls_dir = CertDir(env);
    if (endpoint.tls_dir.empty()) {
      return BadEngineAddressError(
          address,
          "TLS is asked for, but neither DOCKER_CERT_PATH nor HOME "
          "says where the certificates are");
    }
    endpoint.skip_tls_verify = tls.skip_verify;
  }
  endpoint.origin = std::move(origin);
  return endpoint;
}

// The context "default": what DOCKER_HOST says, else the default socket, or,
// with TLS in the environment, the default TLS port (opts/hosts.go ParseHost).
absl::StatusOr<EngineEndpoint> DefaultContext(const GetEnv& env) {
  if (const std::string host = Get(env, "DOCKER_HOST"); !host.empty()) {
    return FromAddress(env, host, "DOCKER_HOST");
  }
  return FromAddress(env,
                     TlsFromEnv(env).enabled ? "tcp://" : kDefaultEngineAddress,
                     "default");
}

absl::StatusOr<EngineEndpoint> FromContext(const GetEnv& env,
                                           const std::string& name,
                                           const std::string& named_by) {
  if (name == "default") {
    return DefaultContext(env);
  }
  return LoadContext(DockerConfigDir(env), name, named_by);
}

// docker/cli cli/context/store: names have no ":" and no "/".
bool LooksLikeAddress(const std::string& text) {
  return text.find_first_of(":/") != std::string::npos;
}

bool HasControls(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

}  // namespace

absl::StatusOr<EngineEndpoint> ResolveEndpoint(const GetEnv& env,
                                               const std::string& engine_flag) {
  if (!engine_flag.empty()) {
    return LooksLikeAddress(engine_flag)
               ? FromAddress(env, engine_flag, "--engine")
               : FromContext(env, engine_flag, "--engine");
  }
  if (!Get(env, "DOCKER_HOST").empty()) {
    return DefaultContext(env);
  }
  if (const std::string name = Get(env, "DOCKER_CONTEXT"); !name.empty()) {
    return FromContext(env, name, "DOCKER_CONTEXT");
  }
  ASSIGN_OR_RETURN(const std::string current,
                   CurrentContext(DockerConfigDir(env)));
  if (!current.empty()) {
    return FromContext(env, current, "currentContext of docker's config.json");
  }
  return DefaultContext(env);
}

absl::Status ValidateEndpoint(const EngineEndpoint& endpoint) {
  const std::string& host = endpoint.host;
  ASSIGN_OR_RETURN(const std::string canonical,
                   ParseEngineAddress(host, !endpoint.tls_dir.empty()));
  if (canonical != host) {
    return BadEngineAddressError(host, "it is not in canonical form");
  }
  if (endpoint.origin.size() > kMaxText || HasControls(endpoint.origin)) {
    return BadEngineAddressError(host, "its origin is malformed");
  }
  const std::string& tls_dir = endpoint.tls_dir;
  if (tls_dir.empty()) {
    return endpoint.skip_tls_verify
               ? BadEngineAddressError(host, "it skips the check of no TLS")
               : absl::OkStatus();
  }
  if (!IsTcpAddress(host)) {
    return BadEngineAddressError(host, "only tcp:// takes certificates");
  }
  if (tls_dir.front() != '/' || tls_dir.size() > kMaxText ||
      HasControls(tls_dir)) {
    return BadEngineAddressError(host,
                                 "the certificate directory is malformed");
  }
  return absl::OkStatus();
}

}  // namespace bottled
