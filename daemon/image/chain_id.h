// The chain ID: names the result of applying layers one on top of the other
// (OCI image-spec, config.md#layer-chainid).

#ifndef BOTTLED_IMAGE_CHAIN_ID_H_
#define BOTTLED_IMAGE_CHAIN_ID_H_

#include <span>

#include "image/digest.h"

namespace bottled {

// `diff_ids` is bottom first. One layer's chain ID is its diff ID. The
// specification gives no chain ID to an image without layers; here it is the
// SHA-256 of nothing. Pure, thread-safe.
Digest ChainId(std::span<const Digest> diff_ids);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_CHAIN_ID_H_
