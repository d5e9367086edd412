// How much of the disk the layers of earlier packs may have: they go before any
// artifact does. Pure.

#ifndef BOTTLED_JOBS_LAYER_SHARE_H_
#define BOTTLED_JOBS_LAYER_SHARE_H_

#include <cstdint>

#include "jobs/cache_policy.h"

namespace bottled {

// At most, of a resolved policy: a quarter of the cap.
int64_t LayerShare(const CachePolicy& policy);

// What is left of them when the limits of the whole cache are as near as this:
// no more than their share, than the cap leaves beside the artifacts, and than
// what lets enough be free. 0 to kept_bytes.
int64_t LayersThatMayStay(int64_t kept_bytes, int64_t artifact_bytes,
                          int64_t free_bytes, const CachePolicy& policy);

}  // namespace bottled

#endif  // BOTTLED_JOBS_LAYER_SHARE_H_
