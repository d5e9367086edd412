// Assembly: an artifact while it is written, frame after frame. Private to
// pack/.

#ifndef BOTTLED_PACK_ASSEMBLY_H_
#define BOTTLED_PACK_ASSEMBLY_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/digest.h"
#include "pack/artifact_writer.h"
#include "pack/frame_pool.h"
#include "platform/fd.h"

namespace bottled {

// A frame in an artifact.
struct PlacedFrame {
  int64_t offset = 0;
  uint32_t crc32 = 0;
};
// By the frame's number in the pool.
using PlacedFrames = std::unordered_map<int, PlacedFrame>;

// Not thread-safe; all functions block on the disk.
class Assembly {
 public:
  // Creates the file, 0600, and never replaces one. `pool` and its spool, which
  // is not owned, must outlive the assembly. `direct`: with as little of the
  // system's memory as possible, until EndDirect(). NO_SPACE, IO_ERROR.
  static absl::StatusOr<std::unique_ptr<Assembly>> Create(
      std::filesystem::path path, int spool_fd, const FramePool& pool,
      bool direct);
  // Removes the file, unless Finish() succeeded.
  ~Assembly();
  Assembly(const Assembly&) = delete;
  Assembly& operator=(const Assembly&) = delete;

  // Appends a frame, once it is spooled. Its place in the spool is given back
  // after the `last_use`. KEPT_LAYER_DAMAGED, NO_SPACE, IO_ERROR, CANCELLED.
  absl::Status Append(int frame, bool last_use, const CancelToken& cancel);

  void EndDirect();

  // What was appended, in order, and the bytes before compression.
  const std::vector<int>& frames() const { return frames_; }
  int64_t raw_bytes() const { return raw_bytes_; }

  // Ends the file with manifest and footer; returns its digest. Nothing may
  // follow.
  absl::StatusOr<Digest> Finish(std::string_view manifest_json);

  int64_t size() const { return writer_.size(); }
  const std::filesystem::path& path() const { return path_; }
  // Call once, at the end.
  PlacedFrames TakePlaced() { return std::move(placed_); }

 private:
  Assembly(std::filesystem::path path, Fd file, int spool_fd,
           const FramePool& pool, bool direct);

  // Has the system forget what was read of earlier artifacts.
  void NoteRead(const Frame& frame);
  void DropRead();

  // Constant after construction.
  const std::filesystem::path path_;
  const Fd file_;
  const int spool_fd_;
  const FramePool& pool_;

  ArtifactWriter writer_;
  bool direct_;
  // Read and not yet forgotten, of the file that was read last.
  int read_fd_ = -1;
  int64_t read_begin_ = 0;
  int64_t read_end_ = 0;
  std::vector<int> frames_;
  int64_t raw_bytes_ = 0;
  PlacedFrames placed_;
  bool finished_ = false;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_ASSEMBLY_H_
