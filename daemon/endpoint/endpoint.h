// Which Docker engine a caller means, decided as docker's own CLI decides it.
//
// Order (docker/cli cli/command/cli.go): --context, then --host or DOCKER_HOST,
// then DOCKER_CONTEXT, then "currentContext" of $DOCKER_CONFIG/config.json,
// then the default socket. bottlectl runs this and sends the result, because
// the daemon does not share the caller's environment; the daemon runs it once
// for requests that name no engine. Pure but for reading the config files.

#ifndef BOTTLED_ENDPOINT_ENDPOINT_H_
#define BOTTLED_ENDPOINT_ENDPOINT_H_

#include <string>

#include "absl/status/statusor.h"
#include "platform/places.h"

namespace bottled {

struct EngineEndpoint {
  // "unix:///path", "tcp://host:port" or "ssh://[user@]host[:port]".
  std::string host;
  // Absolute directory with ca.pem, cert.pem and key.pem, of which those that
  // exist are used, as docker does; empty = plain TCP. Set for tcp:// only.
  std::string tls_dir;
  bool skip_tls_verify = false;
  // "--engine", "DOCKER_HOST", "context NAME", "default".
  std::string origin;

  bool operator==(const EngineEndpoint&) const = default;
};

// `engine_flag` is the value of --engine: an address (which has a ":" or a
// "/"), or the name of a context; empty when not given. DOCKER_TLS_VERIFY,
// DOCKER_TLS and DOCKER_CERT_PATH apply to tcp addresses, not to contexts other
// than "default". Errors: BAD_ENGINE_ADDRESS, ENGINE_CONTEXT_NOT_FOUND,
// DOCKER_CONFIG_INVALID.
absl::StatusOr<EngineEndpoint> ResolveEndpoint(const GetEnv& env,
                                               const std::string& engine_flag);

// Checks that an endpoint that came over the wire has the form that
// ResolveEndpoint() gives it. Reason BAD_ENGINE_ADDRESS.
absl::Status ValidateEndpoint(const EngineEndpoint& endpoint);

}  // namespace bottled

#endif  // BOTTLED_ENDPOINT_ENDPOINT_H_
