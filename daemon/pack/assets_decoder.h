// AssetsDecoder: the zstd frames of a sidecar's assets, decoded as they are
// pushed. Private to pack/.

#ifndef BOTTLED_PACK_ASSETS_DECODER_H_
#define BOTTLED_PACK_ASSETS_DECODER_H_

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

struct ZSTD_DCtx_s;

namespace bottled {

// Not thread-safe. Memory: the largest window among the frames, and at most
// 128 MiB, which is also what smolvm 1.32.2 takes (measured).
class AssetsDecoder {
 public:
  using OnData = std::function<absl::Status(std::string_view data)>;

  explicit AssetsDecoder(OnData on_data);
  ~AssetsDecoder();
  AssetsDecoder(const AssetsDecoder&) = delete;
  AssetsDecoder& operator=(const AssetsDecoder&) = delete;

  // The next bytes of the assets. SIDECAR_INVALID, or what the callback
  // returns; no further call after an error.
  absl::Status Feed(std::string_view bytes);

  // They are over: SIDECAR_INVALID when a frame is not.
  absl::Status Finish() const;

  int64_t bytes_decoded() const { return bytes_decoded_; }

 private:
  // Constant after construction.
  const OnData on_data_;
  ZSTD_DCtx_s* const context_;

  std::vector<char> decoded_;
  bool in_frame_ = false;
  int64_t bytes_decoded_ = 0;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_ASSETS_DECODER_H_
