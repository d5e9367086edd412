// DecodeManifest(): see sidecar.h.

#include <set>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "pack/errors.h"
#include "pack/sidecar.h"

namespace bottled {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDepth = 32;

// Looks for what a parsed document no longer shows, members that come twice,
// and for nesting without end.
class Inspector : public nlohmann::json_sax<Json> {
 public:
  const std::string& fault() const { return fault_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool start_array(size_t) override { return Enter(); }
  bool end_array() override { return Leave(); }

  bool key(string_t& name) override {
    if (!members_.back().insert(name).second) {
      fault_ = fmt::format("the manifest's member \"{}\" comes twice",
                           Printable(name, 100));
    }
    return fault_.empty();
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    fault_ = fmt::format("the manifest is not JSON at byte {}", position);
    return false;
  }

 private:
  bool Enter() {
    members_.emplace_back();
    if (members_.size() > kMaxDepth) {
      fault_ = "the manifest is nested too deeply";
    }
    return fault_.empty();
  }
  bool Leave() {
    members_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> members_;
  std::string fault_;
};

// Reads the members of one object; the first fault sticks.
class Members {
 public:
  Members(const Json& object, std::string where)
      : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) {
      Fail("", "is no object");
    }
  }

  const absl::Status& status() const { return status_; }

  // The member, or nullptr when it is absent. `required`: absence is a fault.
  const Json* Find(const char* name, bool required) {
    if (!status_.ok()) {
      return nullptr;
    }
    const auto it = object_.find(name);
    if (it != object_.end()) {
      return &*it;
    }
    if (required) {
      Fail(name, "is missing");
    }
    return nullptr;
  }

  std::string Text(const char* name, bool required, bool may_be_null = false) {
    const Json* value = Find(name, required);
    if (value == nullptr || (may_be_null && value->is_null())) {
      return {};
    }
    if (!value->is_string()) {
      Fail(name, "is no string");
      return {};
    }
    return value->get<std::string>();
  }

  std::vector<std::string> Texts(const char* name) {
    std::vector<std::string> texts;
    const Json* value = Find(name, false);
    if (value == nullptr) {
      return texts;
    }
    if (!value->is_array()) {
      Fail(name, "is no array");
      return texts;
    }
    for (const Json& text : *value) {
      if (!text.is_string()) {
        Fail(name, "holds something that is no string");
        return texts;
      }
      texts.push_back(text.get<std::string>());
    }
    return texts;
  }

  int64_t Number(const char* name, int64_t min, int64_t max,
                 bool required = true) {
    const Json* value = Find(name, required);
    if (value == nullptr) {
      return 0;
    }
    if (!value->is_number_unsigned() ||
        value->get<uint64_t>() < static_cast<uint64_t>(min) ||
        value->get<uint64_t>() > static_cast<uint64_t>(max)) {
      Fail(name, fmt::format("is no number from {} to {}", min, max));
      return 0;
    }
    return value->get<int64_t>();
  }

  void OptionalBoolean(const char* name) {
    if (const Json* value = Find(name, false);
        value != nullptr && !value->is_boolean()) {
      Fail(name, "is neither true nor false");
    }
  }

  // An object that may be absent but must hold nothing.
  void Nothing(const char* name) {
    if (const Json* value = Find(name, false);
        value != nullptr && !(value->is_object() && value->empty())) {
      Fail(name, "is not empty");
    }
  }

  void Fail(std::string_view name, std::string_view fault) {
    if (status_.ok()) {
      status_ = SidecarInvalidError(
          fmt::format("the manifest's {}{} {}", where_, name, fault));
    }
  }

 private:
  const Json& object_;
  const std::string where_;
  absl::Status status_;
};

bool IsPlatform(std::string_view platform) {
  const size_t slash = platform.find('/');
  return slash != std::string_view::npos && slash > 0 &&
         slash + 1 < platform.size() &&
         platform.find('/', slash + 1) == std::string_view::npos;
}

absl::Status ReadAssets(const Json& json, SidecarManifest& manifest) {
  Members assets(json, "assets.");
  const Json* libraries = assets.Find("libraries", true);
  if (libraries != nullptr && !libraries->is_array()) {
    assets.Fail("libraries", "is no array");
  }
  const Json* agent = assets.Find("agent_rootfs", true);
  const Json* layers = assets.Find("layers", true);
  if (layers != nullptr && (!layers->is_array() || layers->size() != 1)) {
    assets.Fail("layers", "is no array of exactly one layer");
  }
  RETURN_IF_ERROR(assets.status());

  Members agent_members(*agent, "assets.agent_rootfs.");
  agent_members.Text("path", true);
  agent_members.Number("size", 0, INT64_MAX);
  RETURN_IF_ERROR(agent_members.status());

  Members layer(layers->front(), "assets.layers[0].");
  const std::string path = layer.Text("path", true);
  manifest.layer_size = layer.Number("size", 0, INT64_MAX);
  const auto digest = Digest::Parse(layer.Text("digest", true));
  if (!digest.ok()) {
    layer.Fail("digest", "is no SHA-256 digest");
  } else if (path != LayerPath(*digest)) {
    layer.Fail("path", "is not named after the layer's digest");
  } else {
    manifest.layer_digest = *digest;
  }
  return layer.status();
}

absl::StatusOr<SidecarManifest> ReadManifest(const Json& json) {
  SidecarManifest manifest;
  Members top(json, "");
  if (const Json* mode = top.Find("mode", false);
      mode != nullptr && *mode != "container") {
    top.Fail("mode", "is not \"container\"");
  }
  manifest.image = top.Text("image", true);
  if (const std::string digest = top.Text("digest", true); digest != "packed") {
    absl::StatusOr<Digest> parsed = Digest::Parse(digest);
    if (!parsed.ok()) {
      top.Fail("digest", "is no SHA-256 digest");
    } else {
      manifest.config_digest = *std::move(parsed);
    }
  }
  manifest.platform = top.Text("platform", true);
  if (!IsPlatform(manifest.platform)) {
    top.Fail("platform", "is not of the form os/architecture");
  }
  manifest.entrypoint = top.Texts("entrypoint");
  manifest.cmd = top.Texts("cmd");
  manifest.env = top.Texts("env");
  manifest.workdir = top.Text("workdir", false, true);
  manifest.user = top.Text("user", false, true);
  manifest.cpus = static_cast<int>(top.Number("cpus", 1, 255));
  manifest.memory_mib = static_cast<int>(top.Number("mem", 64, INT32_MAX));
  top.Number("image_size", 0, INT64_MAX, false);
  top.OptionalBoolean("network");
  top.OptionalBoolean("gpu");
  top.OptionalBoolean("cuda");
  top.Text("host_platform", false);
  manifest.created = top.Text("created", false);
  manifest.smolvm_version = top.Text("smolvm_version", false);
  top.Nothing("secret_refs");
  if (const Json* checkpoint = top.Find("checkpoint", false);
      checkpoint != nullptr && !checkpoint->is_null()) {
    top.Fail("checkpoint", "is not null");
  }
  const Json* assets = top.Find("assets", true);
  RETURN_IF_ERROR(top.status());
  RETURN_IF_ERROR(ReadAssets(*assets, manifest));
  return manifest;
}

}  // namespace

absl::StatusOr<SidecarManifest> DecodeManifest(std::string_view json) {
  if (static_cast<int64_t>(json.size()) > kMaxManifestBytes) {
    return SidecarInvalidError("the manifest is larger than 16 MiB");
  }
  // The parser would skip it, smolvm's does not.
  if (json.starts_with("\xef\xbb\xbf")) {
    return SidecarInvalidError("the manifest begins with a byte order mark");
  }
  try {
    Inspector inspector;
    if (!Json::sax_parse(json, &inspector)) {
      return SidecarInvalidError(inspector.fault());
    }
    return ReadManifest(Json::parse(json));
  } catch (const Json::exception&) {
    return SidecarInvalidError("the manifest is not JSON");
  }
}

}  // namespace bottled
