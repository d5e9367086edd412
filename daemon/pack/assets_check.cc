#include "pack/assets_check.h"

#include <zstd.h>

#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/limits.h"
#include "pack/errors.h"

namespace bottled {
namespace {

// The largest window that smolvm 1.32.2 decodes (measured).
constexpr int kMaxWindowLog = 27;
// What smolvm's own packer adds to a layer stays far below this.
constexpr int64_t kMaxOtherBytes = int64_t{64} << 30;
constexpr size_t kMaxMembers = 1000;

}  // namespace

AssetsCheck::AssetsCheck(std::string layer_path, int64_t layer_size)
    : layer_path_(std::move(layer_path)),
      layer_size_(layer_size),
      context_(ZSTD_createDCtx()),
      decoded_(ZSTD_DStreamOutSize()),
      assets_(
          "the assets tar",
          [this](const TarMember& member) { return OnMember(member); },
          [this](std::string_view data) { return OnData(data); }),
      layer_("the layer", [this](const TarMember& member) {
        return layer_check_.OnMember(member);
      }) {
  if (context_ != nullptr) {
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
}

AssetsCheck::~AssetsCheck() { ZSTD_freeDCtx(context_); }

absl::Status AssetsCheck::Feed(std::string_view bytes) {
  if (context_ == nullptr) {
    return CompressionError("no memory for a context");
  }
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  // A full output buffer may hide more that is ready to come out.
  bool more = false;
  while (in.pos < in.size || more) {
    ZSTD_outBuffer out = {decoded_.data(), decoded_.size(), 0};
    const size_t hint = ZSTD_decompressStream(context_, &out, &in);
    if (ZSTD_isError(hint) != 0) {
      return SidecarInvalidError(fmt::format(
          "its compressed data is damaged ({})", ZSTD_getErrorName(hint)));
    }
    in_frame_ = hint != 0;
    more = in_frame_ && out.pos == out.size;
    bytes_decoded_ += static_cast<int64_t>(out.pos);
    if (bytes_decoded_ > ImageLimits().max_unpacked_bytes + kMaxOtherBytes) {
      return SidecarInvalidError("it holds more than smolvm takes");
    }
    RETURN_IF_ERROR(assets_.Feed(std::string_view(decoded_.data(), out.pos)));
  }
  return absl::OkStatus();
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
  // smolvm's own packer adds these two; nothing else belongs here.
  if ((name == "agent-rootfs.tar" || name == "storage.ext4") &&
      member.type == '0') {
    return absl::OkStatus();
  }
  return SidecarInvalidError("its assets hold an unexpected member");
}

absl::Status AssetsCheck::OnData(std::string_view data) {
  return in_layer_ ? layer_.Feed(data) : absl::OkStatus();
}

absl::Status AssetsCheck::Finish() {
  if (in_frame_) {
    return SidecarInvalidError("its compressed data ends early");
  }
  RETURN_IF_ERROR(assets_.Finish());
  if (!layer_seen_) {
    return SidecarInvalidError("its assets lack the layer that it promises");
  }
  return layer_.Finish();
}

}  // namespace bottled
