#include "image/config.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <utility>

#include "base/status_macros.h"
#include "image/errors.h"
#include "image/json.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr size_t kMaxConfigBytes = size_t{16} << 20;
// What a manifest and a command line can carry is far below.
constexpr size_t kMaxTexts = 100'000;
constexpr size_t kMaxDiffIds = 10'000;

bool IsRfc3339(const std::string& text) {
  static const std::regex pattern(
      R"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2}))");
  return text.size() < 64 && std::regex_match(text, pattern);
}

// No process can be given such a text.
bool HasNul(const std::vector<std::string>& texts) {
  return std::any_of(texts.begin(), texts.end(), [](const std::string& text) {
    return text.find('\0') != std::string::npos;
  });
}

absl::Status ReadRuntime(const json& config, ImageConfig& out) {
  if (!config.is_null() && !config.is_object()) {
    return BadImageConfig("\"config\" is not an object");
  }
  std::vector<std::string> env;
  if (!ReadTexts(Member(config, "Env"), &env) ||
      !ReadTexts(Member(config, "Entrypoint"), &out.entrypoint) ||
      !ReadTexts(Member(config, "Cmd"), &out.cmd) ||
      !ReadText(Member(config, "WorkingDir"), &out.working_dir) ||
      !ReadText(Member(config, "User"), &out.user)) {
    return BadImageConfig(
        "one of Env, Entrypoint, Cmd, WorkingDir and User has a wrong type");
  }
  if (env.size() > kMaxTexts || out.entrypoint.size() > kMaxTexts ||
      out.cmd.size() > kMaxTexts) {
    return BadImageConfig("a list has too many members");
  }
  if (HasNul(env) || HasNul(out.entrypoint) || HasNul(out.cmd) ||
      HasNul({out.working_dir, out.user})) {
    return BadImageConfig("a text in it contains a NUL");
  }
  out.env = NormalizeEnv(env);
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> NormalizeEnv(const std::vector<std::string>& env) {
  std::vector<std::string> out;
  std::map<std::string, size_t, std::less<>> place;
  for (const std::string& entry : env) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      continue;
    }
    const auto [it, added] = place.emplace(entry.substr(0, equals), out.size());
    if (added) {
      out.push_back(entry);
    } else {
      out[it->second] = entry;
    }
  }
  return out;
}

absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view text) {
  if (text.size() > kMaxConfigBytes) {
    return BadImageConfig("it is larger than 16 MiB");
  }
  const std::optional<json> document = ParseJson(text);
  if (!document.has_value() || !document->is_object()) {
    return BadImageConfig("it is not a JSON object");
  }
  ImageConfig config;
  if (!ReadText(Member(*document, "os"), &config.platform.os) ||
      !ReadText(Member(*document, "architecture"),
                &config.platform.architecture) ||
      !ReadText(Member(*document, "variant"), &config.platform.variant) ||
      !ReadText(Member(*document, "created"), &config.created)) {
    return BadImageConfig(
        "one of os, architecture, variant and created is not a string");
  }
  if (!IsRfc3339(config.created)) {
    config.created.clear();
  }
  RETURN_IF_ERROR(ReadRuntime(Member(*document, "config"), config));
  std::vector<std::string> diff_ids;
  if (!ReadTexts(Member(Member(*document, "rootfs"), "diff_ids"), &diff_ids)) {
    return BadImageConfig("rootfs.diff_ids is not a list of strings");
  }
  if (diff_ids.size() > kMaxDiffIds) {
    return BadImageConfig("it names too many layers");
  }
  for (const std::string& diff_id : diff_ids) {
    absl::StatusOr<Digest> digest = Digest::Parse(diff_id);
    if (!digest.ok()) {
      return BadImageConfig("a layer's digest is malformed");
    }
    config.diff_ids.push_back(*std::move(digest));
  }
  return config;
}

}  // namespace bottled
