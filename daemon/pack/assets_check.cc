#include "pack/assets_check.h"

#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "pack/errors.h"

namespace bottled {
namespace {

constexpr size_t kMaxMembers = 1000;

}  // namespace

AssetsCheck::AssetsCheck(std::string layer_path, int64_t layer_size)
    : layer_path_(std::move(layer_path)),
      layer_size_(layer_size),
      assets_(
          "the assets tar",
          [this](const TarMember& member) { return OnMember(member); },
          [this](std::string_view data) { return OnData(data); },
          TarScanner::Sparse::kAllowed),
      layer_("the layer",
             [this](const TarMember& member) {
               return layer_check_.OnMember(member);
             }),
      decoder_([this](std::string_view data) { return assets_.Feed(data); }) {}

absl::Status AssetsCheck::Feed(std::string_view bytes) {
  return decoder_.Feed(bytes);
}

absl::Status AssetsCheck::OnMember(const TarMember& member) {
  in_layer_ = false;
  ASSIGN_OR_RETURN(const std::string_view name, CheckedName(member.name));
  if (!names_.emplace(std::string(name)).second) {
    return SidecarInvalidError("its assets hold a member twice");
  }
  if (names_.size() > kMaxMembers) {
    return SidecarInvalidError("its assets hold too many members");
  }
  if (member.type == '5' && (name == "layers" || name.empty())) {
    return absl::OkStatus();
  }
  if (name == layer_path_ && member.type == '0') {
    if (member.size != layer_size_) {
      return SidecarInvalidError(
          fmt::format("its layer has {} bytes and the manifest promises {}",
                      member.size, layer_size_));
    }
    in_layer_ = true;
    layer_seen_ = true;
    return absl::OkStatus();
  }
  // smolvm's own packer adds these two, the second with holes; nothing else
  // belongs here.
  if ((member.type == '0' &&
       (name == "agent-rootfs.tar" || name == "storage.ext4")) ||
      (member.type == 'S' && name == "storage.ext4")) {
    return absl::OkStatus();
  }
  return SidecarInvalidError("its assets hold an unexpected member");
}

absl::Status AssetsCheck::OnData(std::string_view data) {
  return in_layer_ ? layer_.Feed(data) : absl::OkStatus();
}

absl::Status AssetsCheck::Finish() {
  RETURN_IF_ERROR(decoder_.Finish());
  RETURN_IF_ERROR(assets_.Finish());
  if (!layer_seen_) {
    return SidecarInvalidError("its assets lack the layer that it promises");
  }
  return layer_.Finish();
}

}  // namespace bottled
