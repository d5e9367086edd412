// HeadStart: begins an artifact while its image is still being read, with the
// layers that are known already. What an engine does before it sends the first
// byte takes longer than all of this, so it costs nothing. Private to pack/.
//
// It is a guess: upper layers may change what lower ones have. Whoever knows
// the whole plan compares, and throws a wrong guess away.

#ifndef BOTTLED_PACK_HEAD_START_H_
#define BOTTLED_PACK_HEAD_START_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/digest.h"
#include "pack/assembly.h"
#include "pack/cut_layer.h"
#include "pack/frame_plan.h"
#include "pack/frame_pool.h"

namespace bottled {

// Not thread-safe; has a thread of its own.
class HeadStart {
 public:
  struct Options {
    // The artifact's.
    std::filesystem::path path;
    // All of these must outlive it. `written` is the thread's until Take().
    int spool_fd = -1;
    FramePool& pool;
    WrittenFrames& written;
    // The lowest layers of the image, bottom first; all their frames are there.
    std::vector<const CutLayer*> layers;
    // Of the whole image.
    Digest layer_digest;
    // FramePlan::layer_bytes, guessed. If no plan can have as many: those of
    // `similar_fd`, an artifact with the uppermost of the layers, not owned.
    int64_t layer_bytes = 0;
    int similar_fd = -1;
    // It stops after so many.
    size_t max_frames = SIZE_MAX;
    CancelToken cancel;
  };

  explicit HeadStart(Options options);
  // Ends the thread and removes what it wrote.
  ~HeadStart();

  // Blocks until it has written all that it can.
  void Wait();

  // Ends the thread between two frames, or once it has planned them, and gives
  // what it wrote: the first frames of its plan. Null if it failed, which is
  // logged: who packs without it gets the same error, if it matters.
  std::unique_ptr<Assembly> Take();

 private:
  absl::StatusOr<FramePlan> Plan() const;
  absl::Status Write();

  const Options options_;
  std::atomic<bool> stop_ = false;
  // The thread's until it is joined.
  std::unique_ptr<Assembly> assembly_;
  absl::Status status_;
  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_HEAD_START_H_
