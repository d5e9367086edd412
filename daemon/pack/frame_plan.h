// FramePlan: the frames of an artifact's assets, in their order. Private to
// pack/.
//
// The order: the outer tar's headers; then, layer by layer from the bottom, the
// directories that the layer brought and what survives of its blocks; then the
// ends of both tars. So how an artifact begins follows from its lower layers,
// as long as upper layers leave those alone, its layer digest, which is known
// beforehand, and its number of bytes, which can be guessed because it is
// padded (PaddedLayerBytes).
//
// What survives whole is referred to; what does not is decoded, written anew
// and given to the same FramePool, so that compression again runs on its
// workers.

#ifndef BOTTLED_PACK_FRAME_PLAN_H_
#define BOTTLED_PACK_FRAME_PLAN_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/digest.h"
#include "image/merge.h"
#include "pack/frame_pool.h"
#include "pack/layer_cutter.h"

namespace bottled {

// Frames of blocks that planning writes: the same text gives the same frame, so
// that two plans of one pool can be compared by their numbers. Not thread-safe.
class WrittenFrames {
 public:
  // `pool` must outlive it.
  explicit WrittenFrames(FramePool& pool) : pool_(pool) {}

  // Errors as FramePool::Submit().
  absl::StatusOr<int> Get(std::string text, const CancelToken& cancel);

 private:
  FramePool& pool_;
  std::map<Digest, int> frames_;
};

struct FramePlan {
  // Numbers in the pool, in the order of the artifact. Not all need to be in
  // the spool yet: FramePool::Await().
  std::vector<int> frames;
  // Bytes of the flattened layer's tar, its end and padding included.
  int64_t layer_bytes = 0;
};

// What planning works with; all must outlive the call.
struct FramePlanDeps {
  int spool_fd = -1;
  FramePool& pool;
  WrittenFrames& written;
  const CancelToken& cancel;
};

// The bytes of a layer's tar with `content` bytes of members: the end mark is
// padded with zeros to a multiple of 1/64 of the greatest power of two within,
// and of 64 KiB, unless that is more than smolvm extracts. The outer tar's
// header, which is the first in the file, has the result: it stays the same
// after small changes.
int64_t PaddedLayerBytes(int64_t content);

// Plans the assets of a merged image. `layers` is bottom first and parallel to
// `tree.layers`. All frames of the layers must be in the spool. Blocks. Reasons
// IMAGE_TOO_LARGE, SPOOL_DAMAGED, KEPT_LAYER_DAMAGED, NO_SPACE, CANCELLED.
absl::StatusOr<FramePlan> PlanFrames(const FramePlanDeps& deps,
                                     const MergedTree& tree,
                                     std::span<const CutLayer* const> layers,
                                     const Digest& layer_digest);

// The same for the lowest layers of an image that has more of them: how its
// plan begins, if those above leave these alone and it has `layer_bytes`, or
// the fewest that are possible if that is more.
absl::StatusOr<FramePlan> PlanFirstFrames(
    const FramePlanDeps& deps, const MergedTree& tree,
    std::span<const CutLayer* const> layers, const Digest& layer_digest,
    int64_t layer_bytes);

}  // namespace bottled

#endif  // BOTTLED_PACK_FRAME_PLAN_H_
