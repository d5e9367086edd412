#include "pack/assets_decoder.h"

#include <zstd.h>

#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/limits.h"
#include "pack/errors.h"

namespace bottled {
namespace {

constexpr int kMaxWindowLog = 27;
// What smolvm's own packer adds to a layer stays far below this.
constexpr int64_t kMaxOtherBytes = int64_t{64} << 30;

}  // namespace

AssetsDecoder::AssetsDecoder(OnData on_data)
    : on_data_(std::move(on_data)),
      context_(ZSTD_createDCtx()),
      decoded_(ZSTD_DStreamOutSize()) {
  if (context_ != nullptr) {
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
}

AssetsDecoder::~AssetsDecoder() { ZSTD_freeDCtx(context_); }

absl::Status AssetsDecoder::Feed(std::string_view bytes) {
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
    RETURN_IF_ERROR(on_data_(std::string_view(decoded_.data(), out.pos)));
  }
  return absl::OkStatus();
}

absl::Status AssetsDecoder::Finish() const {
  return in_frame_ ? SidecarInvalidError("its compressed data ends early")
                   : absl::OkStatus();
}

}  // namespace bottled
