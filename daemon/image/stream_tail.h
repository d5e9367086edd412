// StreamTail: passes a stream on, counts it, and keeps its last bytes, where an
// engine that fails leaves its error. Private to image/.

#ifndef BOTTLED_IMAGE_STREAM_TAIL_H_
#define BOTTLED_IMAGE_STREAM_TAIL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/byte_source.h"

namespace bottled {

class StreamTail : public ByteSource {
 public:
  StreamTail(ByteSource& source, std::function<void(int64_t)> progress,
             CancelToken cancel)
      : source_(source),
        progress_(std::move(progress)),
        cancel_(std::move(cancel)) {}

  absl::StatusOr<std::string_view> Next() override;

  // The message of the last {"error": …} or {"message": …} object in the last
  // 64 KiB. dockerd with the containerd store appends it raw, at any offset,
  // and ends the HTTP answer cleanly (measured on 29.7.2).
  std::optional<std::string> EngineError() const;

 private:
  ByteSource& source_;
  const std::function<void(int64_t)> progress_;
  const CancelToken cancel_;
  int64_t bytes_ = 0;
  std::string tail_;
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_STREAM_TAIL_H_
