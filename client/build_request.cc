#include "client/build_request.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>

#include "base/status_macros.h"
#include "client/absolute_path.h"

namespace bottled::client {
namespace {

// What docker's CLI, buildx, credential helpers, git and ssh read.
constexpr std::array<std::string_view, 22> kNames = {
    "PATH",         "HOME",           "USER",          "LOGNAME",
    "LANG",         "LC_ALL",         "TMPDIR",        "XDG_RUNTIME_DIR",
    "HTTP_PROXY",   "HTTPS_PROXY",    "NO_PROXY",      "http_proxy",
    "https_proxy",  "no_proxy",       "FTP_PROXY",     "ftp_proxy",
    "ALL_PROXY",    "all_proxy",      "SSH_AUTH_SOCK", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "XDG_CONFIG_HOME"};

bool IsWanted(std::string_view name, const std::set<std::string>& asked) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         name.starts_with("DOCKER_") || name.starts_with("BUILDX_") ||
         name.starts_with("BUILDKIT_") || asked.contains(std::string(name));
}

bool IsRemote(std::string_view context) {
  return context.find("://") != std::string_view::npos ||
         context.starts_with("git@");
}

// As AbsolutePath(), and "~/" is the home directory: no shell has seen to it
// within "src=~/file".
absl::StatusOr<std::string> Absolute(const std::string& path,
                                     const GetEnv& env) {
  if (path.starts_with("~/")) {
    if (const std::optional<std::string> home = env("HOME")) {
      return *home + path.substr(1);
    }
  }
  return AbsolutePath(path);
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

// "id=token,src=./file" with an absolute src; notes the variable of env=.
absl::StatusOr<std::string> MakeSecret(const std::string& spec,
                                       const GetEnv& env,
                                       std::set<std::string>& asked) {
  std::string out;
  for (const std::string& field : Split(spec, ',')) {
    const size_t equals = field.find('=');
    const std::string key = field.substr(0, equals);
    const std::string value =
        equals == std::string::npos ? "" : field.substr(equals + 1);
    out += out.empty() ? "" : ",";
    if ((key == "src" || key == "source") && !value.empty()) {
      ASSIGN_OR_RETURN(const std::string path, Absolute(value, env));
      out += key + "=" + path;
      continue;
    }
    if (key == "env") {
      asked.insert(value);
    }
    out += field;
  }
  return out;
}

// "default", or "id=path,path" with absolute paths.
absl::StatusOr<std::string> MakeSsh(const std::string& spec,
                                    const GetEnv& env) {
  const size_t equals = spec.find('=');
  if (equals == std::string::npos) {
    return spec;
  }
  std::string out = spec.substr(0, equals + 1);
  for (const std::string& path : Split(spec.substr(equals + 1), ',')) {
    ASSIGN_OR_RETURN(const std::string full, Absolute(path, env));
    out += (out.ends_with('=') ? "" : ",") + full;
  }
  return out;
}

}  // namespace

std::string DefaultImageName(const GetEnv& env) {
  for (const char* name : {"BOTTLED_IMAGE", "CLAUDE_BOTTLE_IMAGE"}) {
    if (const std::optional<std::string> value = env(name);
        value.has_value() && !value->empty()) {
      return *value;
    }
  }
  return "claude-bottle:latest";
}

std::map<std::string, std::string> BuilderEnvironment(
    const std::vector<std::string>& env_list,
    const std::set<std::string>& asked) {
  std::map<std::string, std::string> environment;
  for (const std::string& entry : env_list) {
    const size_t equals = entry.find('=');
    if (equals != std::string::npos &&
        IsWanted(std::string_view(entry).substr(0, equals), asked)) {
      environment[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
  }
  return environment;
}

absl::StatusOr<v1::BuildSource> MakeBuildSource(
    const Options& options, const GetEnv& env,
    const std::vector<std::string>& env_list) {
  v1::BuildSource source;
  source.set_context(options.build);
  if (!IsRemote(options.build)) {
    ASSIGN_OR_RETURN(const std::string context, Absolute(options.build, env));
    source.set_context(context);
  }
  if (!options.dockerfile.empty()) {
    ASSIGN_OR_RETURN(const std::string file, Absolute(options.dockerfile, env));
    source.set_dockerfile(file);
  }
  std::set<std::string> asked;
  for (const std::string& text : options.build_args) {
    const size_t equals = text.find('=');
    v1::BuildArg& arg = *source.add_args();
    arg.set_name(text.substr(0, equals));
    if (equals == std::string::npos) {
      asked.insert(text);
    } else {
      arg.set_value(text.substr(equals + 1));
    }
  }
  for (const std::string& text : options.secrets) {
    ASSIGN_OR_RETURN(*source.add_secrets(), MakeSecret(text, env, asked));
  }
  for (const std::string& text : options.ssh) {
    ASSIGN_OR_RETURN(*source.add_ssh(), MakeSsh(text, env));
  }
  source.set_target(options.target);
  source.set_platform(options.platform);
  source.set_pull(options.pull);
  source.set_no_cache(options.no_cache);
  source.set_tag(options.image.empty() ? DefaultImageName(env) : options.image);
  const auto environment = BuilderEnvironment(env_list, asked);
  source.mutable_environment()->insert(environment.begin(), environment.end());
  return source;
}

}  // namespace bottled::client
