#include "client/engine_endpoint.h"

#include "base/status_macros.h"
#include "endpoint/endpoint.h"

namespace bottled::client {

absl::StatusOr<v1::EngineEndpoint> MakeEngineEndpoint(
    const GetEnv& env, const std::string& engine_flag) {
  ASSIGN_OR_RETURN(const EngineEndpoint endpoint,
                   ResolveEndpoint(env, engine_flag));
  v1::EngineEndpoint engine;
  engine.set_host(endpoint.host);
  engine.set_tls_dir(endpoint.tls_dir);
  engine.set_skip_tls_verify(endpoint.skip_tls_verify);
  engine.set_origin(endpoint.origin);
  return engine;
}

}  // namespace bottled::client
