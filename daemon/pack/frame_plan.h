// FramePlan: the frames of an artifact's assets, in their order. Private to
// pack/.
//
// What survives whole is referred to; what does not is decoded, written anew
// and given to the same FramePool, so that compression again runs on its
// workers.

#ifndef BOTTLED_PACK_FRAME_PLAN_H_
#define BOTTLED_PACK_FRAME_PLAN_H_

#include <cstdint>
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

struct FramePlan {
  // Numbers in the pool, in the order of the artifact.
  std::vector<int> frames;
  // Bytes of the flattened layer's tar, its end mark included.
  int64_t layer_bytes = 0;
};

// Plans the assets of a merged image. `layers` is bottom first and parallel to
// `tree.layers`. All frames of the layers must be in the spool; on return all
// of the plan are. Blocks. Reasons IMAGE_TOO_LARGE, SPOOL_DAMAGED, NO_SPACE,
// CANCELLED.
absl::StatusOr<FramePlan> PlanFrames(const MergedTree& tree,
                                     std::span<const CutLayer* const> layers,
                                     const Digest& layer_digest, int spool_fd,
                                     FramePool& pool,
                                     const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_PACK_FRAME_PLAN_H_
