// FrameDecoder: reads single frames back from the spool. Private to pack/.

#ifndef BOTTLED_PACK_FRAME_DECODER_H_
#define BOTTLED_PACK_FRAME_DECODER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "pack/frame_pool.h"

struct ZSTD_DCtx_s;

namespace bottled {

// Not thread-safe.
class FrameDecoder {
 public:
  // `spool_fd` is not owned.
  explicit FrameDecoder(int spool_fd);
  ~FrameDecoder();
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  // The frame's bytes before compression, valid until the next call. Reason
  // SPOOL_DAMAGED when they do not match its checksum.
  absl::StatusOr<std::string_view> Decode(const Frame& frame);

 private:
  const int spool_fd_;
  ZSTD_DCtx_s* const context_;
  std::string packed_;
  std::string raw_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_FRAME_DECODER_H_
