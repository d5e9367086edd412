#include "platform/places.h"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "platform/errors.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kArtifactSuffix = ".smolmachine";

// An empty variable counts as unset (XDG Base Directory Specification).
std::string Get(const GetEnv& env, const char* name) {
  return env(name).value_or("");
}

absl::StatusOr<fs::path> Absolute(std::string_view what, std::string text) {
  if (text.front() != '/') {
    return BadPathError(what, "the path is not absolute");
  }
  while (text.size() > 1 && text.back() == '/') {
    text.pop_back();
  }
  return fs::path(std::move(text));
}

struct DirRule {
  const char* flag;
  const char* variable;
  const char* xdg_variable;
  const char* below_home;
};

absl::StatusOr<fs::path> ResolveDir(const GetEnv& env, const DirRule& rule,
                                    const std::string& flag_value) {
  if (!flag_value.empty()) {
    return Absolute(rule.flag, flag_value);
  }
  if (std::string value = Get(env, rule.variable); !value.empty()) {
    return Absolute(rule.variable, std::move(value));
  }
  if (std::string value = Get(env, rule.xdg_variable); !value.empty()) {
    ASSIGN_OR_RETURN(const fs::path base,
                     Absolute(rule.xdg_variable, std::move(value)));
    return base / "bottled";
  }
  std::string home = Get(env, "HOME");
  if (home.empty()) {
    return BadPathError("HOME",
                        fmt::format("it is not set, and neither are {} and {}",
                                    rule.variable, rule.xdg_variable));
  }
  ASSIGN_OR_RETURN(const fs::path base, Absolute("HOME", std::move(home)));
  return base / rule.below_home / "bottled";
}

absl::StatusOr<fs::path> ResolveSocket(const GetEnv& env,
                                       const std::string& flag_value) {
  if (!flag_value.empty()) {
    return Absolute("--socket", flag_value);
  }
  if (std::string value = Get(env, "BOTTLED_SOCKET"); !value.empty()) {
    return Absolute("BOTTLED_SOCKET", std::move(value));
  }
  if (std::string value = Get(env, "XDG_RUNTIME_DIR"); !value.empty()) {
    ASSIGN_OR_RETURN(const fs::path base,
                     Absolute("XDG_RUNTIME_DIR", std::move(value)));
    return base / "bottled" / "v1.sock";
  }
  return fs::path(fmt::format("/tmp/bottled-{}/v1.sock", ::geteuid()));
}

}  // namespace

GetEnv ProcessEnv() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr) {
      return std::nullopt;
    }
    return std::string(value);
  };
}

absl::StatusOr<Places> Places::Resolve(const GetEnv& env,
                                       const PlaceOverrides& overrides) {
  static constexpr DirRule kState = {"--state-dir", "BOTTLED_STATE_DIR",
                                     "XDG_STATE_HOME", ".local/state"};
  static constexpr DirRule kCache = {"--cache-dir", "BOTTLED_CACHE_DIR",
                                     "XDG_CACHE_HOME", ".cache"};
  Places places;
  ASSIGN_OR_RETURN(places.state_dir,
                   ResolveDir(env, kState, overrides.state_dir));
  ASSIGN_OR_RETURN(places.cache_dir,
                   ResolveDir(env, kCache, overrides.cache_dir));
  ASSIGN_OR_RETURN(places.socket, ResolveSocket(env, overrides.socket));
  if (places.socket.native().size() >= sizeof(sockaddr_un::sun_path)) {
    return SocketPathTooLongError(places.socket);
  }
  return places;
}

fs::path Places::object_dir(std::string_view hex) const {
  return objects() / hex.substr(0, 2);
}

fs::path Places::object(std::string_view hex) const {
  return object_dir(hex) / fmt::format("{}{}", hex, kArtifactSuffix);
}

fs::path Places::object_record(std::string_view hex) const {
  return object_dir(hex) / fmt::format("{}.json", hex);
}

fs::path Places::job_stage(std::string_view job_id) const {
  return stage() / job_id;
}

std::optional<std::string> ParseObjectName(std::string_view file_name) {
  constexpr size_t kDigits = 64;
  if (file_name.size() != kDigits + kArtifactSuffix.size() ||
      file_name.substr(kDigits) != kArtifactSuffix) {
    return std::nullopt;
  }
  const std::string_view hex = file_name.substr(0, kDigits);
  const bool valid = std::all_of(hex.begin(), hex.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!valid) {
    return std::nullopt;
  }
  return std::string(hex);
}

}  // namespace bottled
