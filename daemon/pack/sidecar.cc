#include "pack/sidecar.h"

#include <utility>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "pack/errors.h"
#include "pack/native_packer.h"

namespace bottled {
namespace {

constexpr std::string_view kMagic = "SMOLPACK";
constexpr uint64_t kVersion = 1;

void PutLittleEndian(uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i, value >>= 8) {
    out += static_cast<char>(value & 0xff);
  }
}

uint64_t TakeLittleEndian(std::string_view& in, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(in[i]);
  }
  in.remove_prefix(bytes);
  return value;
}

}  // namespace

std::string EncodeFooter(const Footer& footer) {
  const auto assets = static_cast<uint64_t>(footer.assets_size);
  std::string out(kMagic);
  PutLittleEndian(kVersion, 4, out);
  PutLittleEndian(0, 8, out);  // stub size
  PutLittleEndian(0, 8, out);  // assets offset
  PutLittleEndian(assets, 8, out);
  PutLittleEndian(assets, 8, out);  // manifest offset
  PutLittleEndian(static_cast<uint64_t>(footer.manifest_size), 8, out);
  PutLittleEndian(footer.crc32, 4, out);
  PutLittleEndian(0, 8, out);
  return out;
}

absl::StatusOr<Footer> DecodeFooter(std::string_view bytes, int64_t file_size) {
  if (static_cast<int64_t>(bytes.size()) != kFooterBytes ||
      file_size < kFooterBytes) {
    return SidecarInvalidError("it is too short for a footer");
  }
  std::string_view rest = bytes;
  if (!rest.starts_with(kMagic)) {
    return SidecarInvalidError("the footer's magic is missing");
  }
  rest.remove_prefix(kMagic.size());
  if (const uint64_t version = TakeLittleEndian(rest, 4); version != kVersion) {
    return SidecarInvalidError(
        fmt::format("the format's version is {}", version));
  }
  const uint64_t stub_size = TakeLittleEndian(rest, 8);
  const uint64_t assets_offset = TakeLittleEndian(rest, 8);
  const uint64_t assets_size = TakeLittleEndian(rest, 8);
  const uint64_t manifest_offset = TakeLittleEndian(rest, 8);
  const uint64_t manifest_size = TakeLittleEndian(rest, 8);
  const uint64_t crc32 = TakeLittleEndian(rest, 4);
  const uint64_t reserved = TakeLittleEndian(rest, 8);
  if (stub_size != 0 || assets_offset != 0 || reserved != 0) {
    return SidecarInvalidError("the footer's fixed fields are not zero");
  }
  const auto content = static_cast<uint64_t>(file_size - kFooterBytes);
  if (assets_size == 0 || manifest_size == 0 ||
      manifest_offset != assets_size || assets_size > content ||
      manifest_size != content - assets_size) {
    return SidecarInvalidError(
        "the footer's sizes do not agree with the file's");
  }
  if (manifest_size > static_cast<uint64_t>(kMaxManifestBytes)) {
    return SidecarInvalidError("the manifest is larger than 16 MiB");
  }
  return Footer{.assets_size = static_cast<int64_t>(assets_size),
                .manifest_size = static_cast<int64_t>(manifest_size),
                .crc32 = static_cast<uint32_t>(crc32)};
}

std::string SmolvmVersionField(int revision) {
  return fmt::format("1.32.2+bottled.{}", revision);
}

SidecarManifest MakeManifest(const ImageConfig& config,
                             const Digest& config_digest,
                             const PackOptions& options,
                             const Digest& layer_digest, int64_t layer_size) {
  SidecarManifest manifest;
  manifest.image = "local:" + config_digest.hex();
  manifest.config_digest = config_digest;
  manifest.platform = config.platform.WithoutVariant();
  manifest.entrypoint = config.entrypoint;
  manifest.cmd = config.cmd;
  manifest.env = config.env;
  manifest.workdir = config.working_dir;
  manifest.user = config.user;
  manifest.cpus = options.cpus;
  manifest.memory_mib = options.memory_mib;
  manifest.created =
      config.created.empty() ? "1970-01-01T00:00:00Z" : config.created;
  manifest.smolvm_version = SmolvmVersionField(kNativePackerRevision);
  manifest.layer_digest = layer_digest;
  manifest.layer_size = layer_size;
  return manifest;
}

absl::StatusOr<std::string> EncodeManifest(const SidecarManifest& manifest) {
  using OrderedJson = nlohmann::ordered_json;
  // Arrays must be arrays even when they are empty: smolvm refuses null.
  const auto array = [](const std::vector<std::string>& texts) {
    OrderedJson json = OrderedJson::array();
    for (const std::string& text : texts) {
      json.push_back(text);
    }
    return json;
  };
  OrderedJson json;
  json["mode"] = "container";
  json["image"] = manifest.image;
  json["digest"] = manifest.config_digest.ToString();
  json["platform"] = manifest.platform;
  json["entrypoint"] = array(manifest.entrypoint);
  json["cmd"] = array(manifest.cmd);
  json["env"] = array(manifest.env);
  if (!manifest.workdir.empty()) {
    json["workdir"] = manifest.workdir;
  }
  if (!manifest.user.empty()) {
    json["user"] = manifest.user;
  }
  json["cpus"] = manifest.cpus;
  json["mem"] = manifest.memory_mib;
  json["image_size"] = 0;
  json["network"] = false;
  json["gpu"] = false;
  json["cuda"] = false;
  json["host_platform"] = manifest.platform;
  json["created"] = manifest.created;
  json["smolvm_version"] = manifest.smolvm_version;
  OrderedJson layer;
  layer["digest"] = manifest.layer_digest.ToString();
  layer["path"] = LayerPath(manifest.layer_digest);
  layer["size"] = manifest.layer_size;
  OrderedJson& assets = json["assets"];
  assets["libraries"] = OrderedJson::array();
  assets["agent_rootfs"]["path"] = "agent-rootfs.tar";
  assets["agent_rootfs"]["size"] = 0;
  assets["layers"] = OrderedJson::array({std::move(layer)});

  std::string text;
  try {
    text = json.dump(2, ' ', false, OrderedJson::error_handler_t::strict);
  } catch (const OrderedJson::exception&) {
    return UnpackableError(
        "its environment, command, user or working directory is not valid "
        "UTF-8");
  }
  if (static_cast<int64_t>(text.size()) > kMaxManifestBytes) {
    return UnpackableError("its configuration is larger than 16 MiB");
  }
  return text;
}

std::string LayerPath(const Digest& layer_digest) {
  return fmt::format("layers/{}.tar", layer_digest.hex());
}

}  // namespace bottled
