// The typed errors of the endpoint layer. Each function makes one; see
// base/error.h. Thread-safe. Texts from outside are made printable here.

#ifndef BOTTLED_ENDPOINT_ERRORS_H_
#define BOTTLED_ENDPOINT_ERRORS_H_

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"

namespace bottled {

// BAD_ENGINE_ADDRESS
absl::Status BadEngineAddressError(std::string_view address,
                                   std::string_view why);

// ENGINE_CONTEXT_NOT_FOUND; `origin` says who named the context.
absl::Status EngineContextNotFoundError(std::string_view name,
                                        std::string_view origin);

// DOCKER_CONFIG_INVALID
absl::Status DockerConfigInvalidError(const std::filesystem::path& file,
                                      std::string_view why);

}  // namespace bottled

#endif  // BOTTLED_ENDPOINT_ERRORS_H_
