// The engine that the caller means, as the message that goes to the daemon.

#ifndef BOTTLED_CLIENT_ENGINE_ENDPOINT_H_
#define BOTTLED_CLIENT_ENGINE_ENDPOINT_H_

#include <string>

#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "platform/places.h"

namespace bottled::client {

// ResolveEndpoint() of endpoint/endpoint.h, with its errors. Reads docker's
// config files.
absl::StatusOr<v1::EngineEndpoint> MakeEngineEndpoint(
    const GetEnv& env, const std::string& engine_flag);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_ENGINE_ENDPOINT_H_
