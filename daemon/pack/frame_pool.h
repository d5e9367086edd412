// FramePool: compresses blocks into independent zstd frames on worker threads
// and spools them to a file.
//
// The order in which frames reach the spool is not fixed, their bytes are: one
// level, one zstd version, no dictionary, content size and checksum in every
// frame. Memory is bounded by the queue: Submit() waits when it is full.

#ifndef BOTTLED_PACK_FRAME_POOL_H_
#define BOTTLED_PACK_FRAME_POOL_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"

namespace bottled {

// zstd's level. -1 compresses a tree of programs and libraries at 420 MB/s per
// processor to 0.45 of its size; 1 at 260 MB/s to 0.40; 3 at 180 MB/s to 0.37.
// The engine's own work hides the fastest one almost wholly
// (docs/performance.md).
inline constexpr int kZstdLevel = -1;

// One compressed block, in the spool or in a file of an earlier pack.
struct Frame {
  int64_t offset = 0;
  uint32_t size = 0;      // compressed bytes
  uint32_t raw_size = 0;  // bytes before compression
  // Of a frame that an earlier pack made: the file, not owned, and the CRC-32
  // of its compressed bytes. -1: it is in the spool.
  int kept_fd = -1;
  uint32_t kept_crc32 = 0;
};

// Thread-safe.
class FramePool {
 public:
  struct Options {
    int spool_fd = -1;  // not owned; written with pwrite from offset 0
    int threads = 2;
    int level = kZstdLevel;
    // Most blocks that wait for a worker.
    int max_queued = 4;
  };

  explicit FramePool(const Options& options);
  // Ends the workers; what was queued is dropped.
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  // Queues a block (1 byte to 2 GiB − 1) and returns the number of its frame,
  // counted from 0. Blocks while the queue is full. Returns the first error of
  // a worker, NO_SPACE for instance.
  absl::StatusOr<int> Submit(std::string block, const CancelToken& cancel);

  // Numbers a frame that is kept already, as if it had been submitted. Its file
  // must stay open while the frame is used.
  int Adopt(const Frame& kept);

  // A buffer of an earlier block, empty but with capacity, to save allocations.
  std::string TakeBuffer();

  // Waits until all frames are in the spool.
  absl::Status Drain(const CancelToken& cancel);

  // Valid for a frame once it is spooled, so for all after Drain().
  Frame frame(int number) const;
  // Waits until one is. The first error of a worker, CANCELLED.
  absl::StatusOr<Frame> Await(int number, const CancelToken& cancel) const;

  int64_t spooled_bytes() const;

 private:
  struct Block {
    int number;
    std::string data;
  };

  void Work();

  // Constant after construction.
  const Options options_;

  mutable Mutex mu_;
  mutable CondVar changed_;
  std::deque<Block> queue_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> buffers_ ABSL_GUARDED_BY(mu_);
  std::vector<Frame> frames_ ABSL_GUARDED_BY(mu_);
  int64_t spool_end_ ABSL_GUARDED_BY(mu_) = 0;
  int busy_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mu_);

  std::vector<std::thread> workers_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_FRAME_POOL_H_
