#include "endpoint/docker_config.h"

#include <openssl/evp.h>

#include <array>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "endpoint/address.h"
#include "endpoint/errors.h"
#include "nlohmann/json.hpp"
#include "platform/file.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// config.json holds credentials of any number of registries.
constexpr size_t kMaxConfig = size_t{4} << 20;
constexpr size_t kMaxMeta = size_t{1} << 20;

std::string Sha256Hex(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned length = 0;
  ::EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(),
               nullptr);
  return HexEncode(
      std::string_view(reinterpret_cast<char*>(digest.data()), length));
}

absl::StatusOr<json> ParseObject(const fs::path& file,
                                 const std::string& text) {
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) {
    return DockerConfigInvalidError(file, "it is not a JSON object");
  }
  return value;
}

// A member that is an object, or null.
const json* Member(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_object() ? &*it : nullptr;
}

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool HasTlsMaterial(const fs::path& dir) {
  return Exists(dir / "ca.pem") || Exists(dir / "cert.pem") ||
         Exists(dir / "key.pem");
}

}  // namespace

fs::path DockerConfigDir(const GetEnv& env) {
  fs::path dir;
  if (const std::string value = env("DOCKER_CONFIG").value_or("");
      !value.empty()) {
    dir = value;
  } else if (const std::string home = env("HOME").value_or(""); !home.empty()) {
    dir = fs::path(home) / ".docker";
  } else {
    return {};
  }
  std::error_code error;
  fs::path absolute = fs::absolute(dir, error);
  return error ? fs::path() : absolute;
}

absl::StatusOr<std::string> CurrentContext(const fs::path& config_dir) {
  if (config_dir.empty()) {
    return std::string();
  }
  const fs::path file = config_dir / "config.json";
  const auto text = ReadSmallFile(file, kMaxConfig);
  if (HasReason(text.status(), "NOT_FOUND")) {
    return std::string();
  }
  if (!text.ok()) {
    return DockerConfigInvalidError(file, std::string(text.status().message()));
  }
  ASSIGN_OR_RETURN(const json config, ParseObject(file, *text));
  const auto it = config.find("currentContext");
  if (it == config.end() || it->is_null()) {
    return std::string();
  }
  if (!it->is_string()) {
    return DockerConfigInvalidError(file, "\"currentContext\" is no string");
  }
  return it->get<std::string>();
}

absl::StatusOr<EngineEndpoint> LoadContext(const fs::path& config_dir,
                                           const std::string& name,
                                           const std::string& named_by) {
  if (config_dir.empty()) {
    return EngineContextNotFoundError(name, named_by);
  }
  const std::string id = Sha256Hex(name);
  const fs::path file = config_dir / "contexts" / "meta" / id / "meta.json";
  const auto text = ReadSmallFile(file, kMaxMeta);
  if (HasReason(text.status(), "NOT_FOUND")) {
    return EngineContextNotFoundError(name, named_by);
  }
  if (!text.ok()) {
    return DockerConfigInvalidError(file, std::string(text.status().message()));
  }
  ASSIGN_OR_RETURN(const json meta, ParseObject(file, *text));
  const json* const endpoints = Member(meta, "Endpoints");
  const json* const docker =
      endpoints == nullptr ? nullptr : Member(*endpoints, "docker");
  if (docker == nullptr) {
    return DockerConfigInvalidError(file, "it has no docker endpoint");
  }
  const auto host = docker->find("Host");
  if (host == docker->end() || !host->is_string()) {
    return DockerConfigInvalidError(file, "the docker endpoint has no host");
  }
  const auto skip = docker->find("SkipTLSVerify");
  const bool skip_tls_verify =
      skip != docker->end() && skip->is_boolean() && skip->get<bool>();
  const fs::path tls_dir = config_dir / "contexts" / "tls" / id / "docker";
  const bool tls = skip_tls_verify || HasTlsMaterial(tls_dir);

  EngineEndpoint endpoint;
  const auto address = ParseEngineAddress(host->get<std::string>(), tls);
  if (!address.ok()) {
    return DockerConfigInvalidError(file,
                                    std::string(address.status().message()));
  }
  endpoint.host = *address;
  if (tls && IsTcpAddress(endpoint.host)) {
    endpoint.tls_dir = tls_dir.native();
    endpoint.skip_tls_verify = skip_tls_verify;
  }
  endpoint.origin = "context " + Printable(name, 256);
  return endpoint;
}

}  // namespace bottled
