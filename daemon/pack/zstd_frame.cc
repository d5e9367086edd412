#include "pack/zstd_frame.h"

#include <zstd.h>

#include "pack/assembly_errors.h"

namespace bottled {

FrameEncoder::FrameEncoder(int level) : context_(ZSTD_createCCtx()) {
  if (context_ != nullptr) {
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_contentSizeFlag, 1);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  }
}

FrameEncoder::~FrameEncoder() { ZSTD_freeCCtx(context_); }

absl::Status FrameEncoder::Encode(std::string_view block, std::string& frame) {
  if (context_ == nullptr) {
    return OutOfMemoryError("compress a block");
  }
  frame.resize(ZSTD_compressBound(block.size()));
  const size_t size = ZSTD_compress2(context_, frame.data(), frame.size(),
                                     block.data(), block.size());
  if (ZSTD_isError(size) != 0) {
    return OutOfMemoryError("compress a block");
  }
  frame.resize(size);
  return absl::OkStatus();
}

FrameDecoder::FrameDecoder() : context_(ZSTD_createDCtx()) {}

FrameDecoder::~FrameDecoder() { ZSTD_freeDCtx(context_); }

absl::Status FrameDecoder::Decode(std::string_view frame, uint32_t raw_size,
                                  std::string& block) {
  if (context_ == nullptr) {
    return OutOfMemoryError("decode a block");
  }
  block.resize(raw_size);
  const size_t size = ZSTD_decompressDCtx(context_, block.data(), block.size(),
                                          frame.data(), frame.size());
  if (ZSTD_isError(size) != 0 || size != raw_size) {
    return SpoolDamagedError();
  }
  return absl::OkStatus();
}

}  // namespace bottled
