#include "jobs/layer_share.h"

#include <algorithm>

namespace bottled {

int64_t LayerShare(const CachePolicy& policy) { return policy.max_bytes / 4; }

int64_t LayersThatMayStay(int64_t kept_bytes, int64_t artifact_bytes,
                          int64_t free_bytes, const CachePolicy& policy) {
  const int64_t missing =
      std::max<int64_t>(0, policy.min_free_bytes - free_bytes);
  return std::clamp<int64_t>(
      std::min({LayerShare(policy), policy.max_bytes - artifact_bytes,
                kept_bytes - missing}),
      0, kept_bytes);
}

}  // namespace bottled
