#include "engine/inspect.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "engine/errors.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;
constexpr size_t kMaxVolumes = 64;
constexpr std::array<std::string_view, 10> kWanted = {
    "Id",      "Created", "Config", "Architecture", "Os",
    "Variant", "Size",    "RootFS", "RepoTags",     "RepoDigests"};

// Keeps what is asked for and drops the rest while parsing: GraphDriver alone
// can be larger than everything else.
json ParseWanted(std::string_view text) {
  const auto keep = [](int depth, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::key && depth == 1) {
      return std::find(kWanted.begin(), kWanted.end(),
                       value.get_ref<const std::string&>()) != kWanted.end();
    }
    return depth <= kMaxDepth;
  };
  return json::parse(text.begin(), text.end(), keep,
                     /*allow_exceptions=*/false);
}

// The member, or null when the parent is no object or has none.
json Take(json& parent, const char* key) {
  if (!parent.is_object()) {
    return nullptr;
  }
  const auto it = parent.find(key);
  return it == parent.end() ? json(nullptr) : std::move(*it);
}

bool IsEmptyList(const json& inspect, const char* key) {
  const auto found = inspect.find(key);
  return found == inspect.end() || !found->is_array() || found->empty();
}

std::vector<std::string> ReadVolumes(const json& inspect) {
  std::vector<std::string> volumes;
  const auto config = inspect.find("Config");
  if (config == inspect.end() || !config->is_object()) {
    return volumes;
  }
  const auto found = config->find("Volumes");
  if (found == config->end() || !found->is_object()) {
    return volumes;
  }
  for (const auto& [path, nothing] : found->items()) {
    if (path.starts_with('/') && volumes.size() < kMaxVolumes) {
      volumes.push_back(path);
    }
  }
  return volumes;
}

}  // namespace

absl::StatusOr<EngineImage> ParseInspect(std::string_view text) {
  json inspect = ParseWanted(text);
  if (!inspect.is_object()) {
    return EngineAnswerInvalid("the image's description is not a JSON object");
  }
  const json id = Take(inspect, "Id");
  if (!id.is_string()) {
    return EngineAnswerInvalid("the image's description has no Id");
  }
  EngineImage image;
  std::string digest = id.get<std::string>();
  if (digest.find(':') == std::string::npos) {
    // Podman writes bare digits in other places of its compatible API.
    digest.insert(0, "sha256:");
  }
  absl::StatusOr<Digest> parsed = Digest::Parse(digest);
  if (!parsed.ok()) {
    return EngineAnswerInvalid("the image's Id is not a SHA-256 digest");
  }
  image.id = *std::move(parsed);

  if (const json size = Take(inspect, "Size"); size.is_number_integer()) {
    image.size_estimate = std::max<int64_t>(0, size.get<int64_t>());
  }

  image.volumes = ReadVolumes(inspect);
  image.unnamed =
      IsEmptyList(inspect, "RepoTags") && IsEmptyList(inspect, "RepoDigests");
  json root_fs = Take(inspect, "RootFS");
  json blob = json::object();
  blob["os"] = Take(inspect, "Os");
  blob["architecture"] = Take(inspect, "Architecture");
  blob["variant"] = Take(inspect, "Variant");
  blob["created"] = Take(inspect, "Created");
  blob["config"] = Take(inspect, "Config");
  blob["rootfs"] = {{"type", "layers"}, {"diff_ids", Take(root_fs, "Layers")}};
  // The parser has checked that every string is UTF-8, so dump() cannot fail;
  // `replace` makes sure of it.
  const std::string config =
      blob.dump(-1, ' ', false, json::error_handler_t::replace);
  ASSIGN_OR_RETURN(image.config, ParseImageConfig(config));
  return image;
}

}  // namespace bottled
