// StreamTail: passes a stream on, counts it, and keeps its last bytes, where an
// engine that fails leaves its error. Private to image/.

#ifndef BOTTLED_IMAGE_STREAM_TAIL_H_
#define BOTTLED_IMAGE_STREAM_TAIL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "image/byte_source.h"

namespace bottled {

// Not thread-safe.
class StreamTail : public ByteSource {
 public:
  // `source` must outlive the tail. More than `max_bytes` is IMAGE_TOO_LARGE.
  StreamTail(ByteSource& source, int64_t max_bytes)
      : source_(source), max_bytes_(max_bytes) {}

  absl::StatusOr<std::string_view> Next() override;

  // Bytes passed on so far, and the offset behind the last that is not zero.
  int64_t bytes() const { return bytes_; }
  int64_t nonzero_end() const { return nonzero_end_; }

  // Reads on, at most 1 MiB, so that an error behind the place where the
  // reader gave up is in the tail. Errors of the source are left out: the
  // caller has one already.
  void SkipToError();

  // The message of an {"error": …} or {"message": …} object that ends the
  // stream, from the last 64 KiB, with paths of the engine's host cut to their
  // last component. dockerd with the containerd store appends it raw, at any
  // offset, and ends the HTTP answer cleanly (measured on 29.7.2).
  std::optional<std::string> EngineError() const;

 private:
  ByteSource& source_;
  const int64_t max_bytes_;
  int64_t bytes_ = 0;
  int64_t nonzero_end_ = 0;
  std::string tail_;
};

// Replaces absolute paths of two and more components by their last one. URLs
// and image names stay.
std::string WithoutHostPaths(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_STREAM_TAIL_H_
