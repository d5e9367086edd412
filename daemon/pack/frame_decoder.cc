#include "pack/frame_decoder.h"

#include <zstd.h>

#include "base/status_macros.h"
#include "pack/errors.h"
#include "pack/frame_file.h"

namespace bottled {

FrameDecoder::FrameDecoder(int spool_fd)
    : spool_fd_(spool_fd), context_(ZSTD_createDCtx()) {}

FrameDecoder::~FrameDecoder() { ZSTD_freeDCtx(context_); }

absl::StatusOr<std::string_view> FrameDecoder::Decode(const Frame& frame) {
  if (context_ == nullptr) {
    return CompressionError("no memory for a context");
  }
  packed_.resize(frame.size);
  RETURN_IF_ERROR(ReadFrame(spool_fd_, frame, packed_).status());
  raw_.resize(frame.raw_size);
  const size_t size = ZSTD_decompressDCtx(context_, raw_.data(), raw_.size(),
                                          packed_.data(), packed_.size());
  if (ZSTD_isError(size) != 0 || size != frame.raw_size) {
    return SpoolDamagedError(ZSTD_isError(size) != 0 ? ZSTD_getErrorName(size)
                                                     : "wrong size");
  }
  return std::string_view(raw_);
}

}  // namespace bottled
