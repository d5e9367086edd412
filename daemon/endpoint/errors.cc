#include "endpoint/errors.h"

#include <string>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

// The user part may hold a password, which belongs in no message.
std::string WithoutUser(std::string_view address) {
  const size_t at = address.rfind('@');
  if (at == std::string_view::npos) {
    return Printable(address, 256);
  }
  const size_t scheme = address.find("://");
  const bool has_scheme = scheme != std::string_view::npos && scheme < at;
  return Printable(
      fmt::format("{}…{}", address.substr(0, has_scheme ? scheme + 3 : 0),
                  address.substr(at)),
      256);
}

}  // namespace

absl::Status BadEngineAddressError(std::string_view address,
                                   std::string_view why) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "BAD_ENGINE_ADDRESS",
      fmt::format("engine address \"{}\": {}", WithoutUser(address), why),
      "Use unix:///path, tcp://host:port, ssh://[user@]host, or the name of a "
      "docker context.");
}

absl::Status EngineContextNotFoundError(std::string_view name,
                                        std::string_view origin) {
  return MakeError(absl::StatusCode::kNotFound, "ENGINE_CONTEXT_NOT_FOUND",
                   fmt::format("docker context \"{}\" (from {}) does not exist",
                               Printable(name, 256), origin),
                   "`docker context ls` lists the contexts.");
}

absl::Status DockerConfigInvalidError(const std::filesystem::path& file,
                                      std::string_view why) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "DOCKER_CONFIG_INVALID",
      fmt::format("{}: {}", Printable(file.native(), 1024),
                  Printable(why, 512)),
      "Mend the file, or name the engine with --engine or DOCKER_HOST.");
}

}  // namespace bottled
