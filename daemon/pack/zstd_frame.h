// One block of bytes to one zstd frame and back.
//
// Every frame that this project writes comes from FrameEncoder, so that equal
// blocks become equal bytes wherever they are compressed: one level, content
// size and checksum (XXH64) in the frame, no dictionary, no threads inside.

#ifndef BOTTLED_PACK_ZSTD_FRAME_H_
#define BOTTLED_PACK_ZSTD_FRAME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace bottled {

// Measured on the files of a Debian system with compilers, in blocks of 4 MiB:
// level -1 makes 418 MB/s per core and 45 % of the size, level 1 makes 263 to
// 311 MB/s and 40 %, level 3 makes 176 MB/s and 37 %. Level -1 is the only one
// of them that two cores run faster than an engine sends.
inline constexpr int kZstdLevel = -1;

// Largest window that smolvm 1.32.2 decodes (measured); a frame of one block
// needs at most the block.
inline constexpr int kMaxZstdWindowLog = 27;

// Not thread-safe; keeps its working memory.
class FrameEncoder {
 public:
  explicit FrameEncoder(int level = kZstdLevel);
  ~FrameEncoder();
  FrameEncoder(const FrameEncoder&) = delete;
  FrameEncoder& operator=(const FrameEncoder&) = delete;

  // Replaces `frame` with the frame of `block`. RESOURCE_EXHAUSTED, reason
  // OUT_OF_MEMORY, when there is no memory for it.
  absl::Status Encode(std::string_view block, std::string& frame);

 private:
  ZSTD_CCtx_s* context_;
};

// Not thread-safe; keeps its working memory.
class FrameDecoder {
 public:
  FrameDecoder();
  ~FrameDecoder();
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  // Replaces `block` with the content of exactly one frame, whose size must be
  // `raw_size`. DATA_LOSS, reason SPOOL_DAMAGED, when it is not that.
  absl::Status Decode(std::string_view frame, uint32_t raw_size,
                      std::string& block);

 private:
  ZSTD_DCtx_s* context_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_ZSTD_FRAME_H_
