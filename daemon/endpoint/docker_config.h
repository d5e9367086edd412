// What docker's own configuration directory says about engines.
//
// $DOCKER_CONFIG or ~/.docker: config.json with "currentContext", and the
// context store, contexts/meta/<hex sha256 of the name>/meta.json with TLS
// material in contexts/tls/<same>/docker/ (docker/cli cli/context/store).
// The files count as foreign: bounded and checked. Reads files; thread-safe.

#ifndef BOTTLED_ENDPOINT_DOCKER_CONFIG_H_
#define BOTTLED_ENDPOINT_DOCKER_CONFIG_H_

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "endpoint/endpoint.h"
#include "platform/places.h"

namespace bottled {

// The directory, absolute; empty when neither DOCKER_CONFIG nor HOME is set.
// A relative DOCKER_CONFIG counts from the current directory, as in docker.
std::filesystem::path DockerConfigDir(const GetEnv& env);

// "currentContext", or "" when the file or the key is missing. Reason
// DOCKER_CONFIG_INVALID.
absl::StatusOr<std::string> CurrentContext(
    const std::filesystem::path& config_dir);

// The endpoint of a stored context. `named_by` says for messages who named it.
// Reasons ENGINE_CONTEXT_NOT_FOUND, DOCKER_CONFIG_INVALID.
absl::StatusOr<EngineEndpoint> LoadContext(
    const std::filesystem::path& config_dir, const std::string& name,
    const std::string& named_by);

}  // namespace bottled

#endif  // BOTTLED_ENDPOINT_DOCKER_CONFIG_H_
