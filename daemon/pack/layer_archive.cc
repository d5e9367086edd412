#include "pack/layer_archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "image/digest.h"
#include "image/entry.h"
#include "image/tar_writer.h"
#include "nlohmann/json.hpp"
#include "pack/assets_decoder.h"
#include "pack/errors.h"
#include "pack/sidecar.h"
#include "pack/sidecar_ends.h"
#include "pack/tar_scanner.h"
#include "platform/fd.h"
#include "platform/file.h"

namespace bottled {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int64_t kReadBlock = int64_t{1} << 20;
constexpr mode_t kArchiveMode = 0644;

std::string FileHeader(const std::string& name, int64_t size) {
  return TarHeader(
      {.kind = EntryKind::kFile, .path = name, .mode = 0644, .size = size});
}

std::string Member(const std::string& name, const std::string& content) {
  const auto size = static_cast<int64_t>(content.size());
  return FileHeader(name, size) + content +
         std::string(static_cast<size_t>(TarPadding(size)), '\0');
}

// What is empty is left out: smolvm takes that, and null not everywhere.
absl::StatusOr<std::string> ConfigJson(const ImageConfig& config,
                                       const Digest& diff_id) {
  OrderedJson run = OrderedJson::object();
  const auto put = [&run](const char* name, const auto& value) {
    if (!value.empty()) {
      run[name] = value;
    }
  };
  put("Env", config.env);
  put("Entrypoint", config.entrypoint);
  put("Cmd", config.cmd);
  put("WorkingDir", config.working_dir);
  put("User", config.user);
  OrderedJson json;
  json["architecture"] = config.platform.architecture;
  json["os"] = config.platform.os;
  json["created"] =
      config.created.empty() ? "1970-01-01T00:00:00Z" : config.created;
  json["config"] = std::move(run);
  json["rootfs"]["type"] = "layers";
  json["rootfs"]["diff_ids"] = OrderedJson::array({diff_id.ToString()});
  json["history"] = OrderedJson::array();
  try {
    return json.dump(-1, ' ', false, OrderedJson::error_handler_t::strict);
  } catch (const OrderedJson::exception&) {
    return UnpackableError(
        "its environment, command, user or working directory is not valid "
        "UTF-8");
  }
}

std::string ManifestJson(const std::string& config, const std::string& layer) {
  OrderedJson entry;
  entry["Config"] = config;
  entry["RepoTags"] = OrderedJson::array();
  entry["Layers"] = OrderedJson::array({layer});
  return OrderedJson::array({std::move(entry)}).dump();
}

// Takes the assets tar apart: the layer goes to the archive and is hashed.
class LayerCopier {
 public:
  LayerCopier(const SidecarManifest& manifest, int archive_fd)
      : layer_path_(LayerPath(manifest.layer_digest)),
        layer_size_(manifest.layer_size),
        archive_fd_(archive_fd),
        assets_(
            "the assets tar",
            [this](const TarMember& member) { return OnMember(member); },
            [this](std::string_view data) { return OnData(data); }),
        decoder_([this](std::string_view data) { return assets_.Feed(data); }) {
  }

  absl::Status Feed(std::string_view block) { return decoder_.Feed(block); }

  absl::StatusOr<Digest> Finish() {
    RETURN_IF_ERROR(decoder_.Finish());
    RETURN_IF_ERROR(assets_.Finish());
    if (!seen_) {
      return SidecarInvalidError("its assets lack the layer that it promises");
    }
    return hasher_.Finish();
  }

  int64_t copied() const { return copied_; }

 private:
  absl::Status OnMember(const TarMember& member) {
    in_layer_ = member.name == layer_path_;
    if (!in_layer_) {
      return absl::OkStatus();
    }
    if (seen_ || member.type != '0' || member.size != layer_size_) {
      return SidecarInvalidError("its layer is not what the manifest promises");
    }
    seen_ = true;
    return absl::OkStatus();
  }

  absl::Status OnData(std::string_view data) {
    if (!in_layer_) {
      return absl::OkStatus();
    }
    hasher_.Update(data);
    copied_ += static_cast<int64_t>(data.size());
    return WriteAll(archive_fd_, data);
  }

  const std::string layer_path_;
  const int64_t layer_size_;
  const int archive_fd_;
  TarScanner assets_;
  AssetsDecoder decoder_;
  Sha256 hasher_;
  int64_t copied_ = 0;
  bool in_layer_ = false;
  bool seen_ = false;
};

absl::StatusOr<Digest> CopyLayer(
    int sidecar_fd, const SidecarEnds& ends, const SidecarManifest& manifest,
    int archive_fd,
    const std::function<void(int64_t done, int64_t total)>& progress,
    const CancelToken& cancel) {
  LayerCopier copier(manifest, archive_fd);
  std::vector<char> buffer(
      static_cast<size_t>(std::min(kReadBlock, ends.footer.assets_size)));
  for (int64_t at = 0; at < ends.footer.assets_size;) {
    RETURN_IF_ERROR(cancel.Check());
    const int64_t size = std::min(kReadBlock, ends.footer.assets_size - at);
    const std::span<char> block(buffer.data(), static_cast<size_t>(size));
    RETURN_IF_ERROR(PreadAll(sidecar_fd, block, at));
    RETURN_IF_ERROR(copier.Feed(std::string_view(block.data(), block.size())));
    at += size;
    if (progress != nullptr) {
      progress(copier.copied(), manifest.layer_size);
    }
  }
  return copier.Finish();
}

absl::Status Fill(
    int sidecar_fd, int archive_fd, const ImageConfig& config,
    const std::function<void(int64_t done, int64_t total)>& progress,
    const CancelToken& cancel) {
  // Of open() only what the umask leaves.
  if (::fchmod(archive_fd, kArchiveMode) != 0) {
    return ErrnoError(errno, "cannot set the archive's mode");
  }
  ASSIGN_OR_RETURN(const SidecarEnds ends, ReadSidecarEnds(sidecar_fd));
  ASSIGN_OR_RETURN(const SidecarManifest manifest,
                   DecodeManifest(ends.manifest_json));
  // The layer's name is its digest, which comes last.
  RETURN_IF_ERROR(WriteAll(archive_fd, std::string(kTarBlock, '\0')));
  ASSIGN_OR_RETURN(
      const Digest diff_id,
      CopyLayer(sidecar_fd, ends, manifest, archive_fd, progress, cancel));
  const std::string layer_name = diff_id.hex() + ".tar";
  RETURN_IF_ERROR(
      PwriteAll(archive_fd, FileHeader(layer_name, manifest.layer_size), 0));
  ASSIGN_OR_RETURN(const std::string json, ConfigJson(config, diff_id));
  const std::string config_name = Sha256Of(json).hex() + ".json";
  return WriteAll(
      archive_fd,
      std::string(static_cast<size_t>(TarPadding(manifest.layer_size)), '\0') +
          Member(config_name, json) +
          Member("manifest.json", ManifestJson(config_name, layer_name)) +
          std::string(static_cast<size_t>(kTarEndBytes), '\0'));
}

}  // namespace

absl::Status WriteLayerArchive(
    const std::filesystem::path& sidecar, const ImageConfig& config,
    const std::filesystem::path& archive,
    const std::function<void(int64_t done, int64_t total)>& progress,
    const CancelToken& cancel) {
  const Fd in(::open(sidecar.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.valid()) {
    return ErrnoError(errno, "cannot open " + sidecar.native());
  }
  const Fd out(::open(archive.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                      kArchiveMode));
  if (!out.valid()) {
    return ErrnoError(errno, "cannot create " + archive.native());
  }
  absl::Cleanup remove = [&archive] { ::unlink(archive.c_str()); };
  RETURN_IF_ERROR(Fill(in.get(), out.get(), config, progress, cancel));
  std::move(remove).Cancel();
  return absl::OkStatus();
}

}  // namespace bottled
