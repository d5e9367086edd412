// OCI's ChainID: the digest of a stack of layers as applied (image-spec,
// config.md#layer-chainid).

#ifndef BOTTLED_IMAGE_CHAIN_ID_H_
#define BOTTLED_IMAGE_CHAIN_ID_H_

#include <vector>

#include "image/digest.h"

namespace bottled {

// ChainID(L0) = DiffID(L0); ChainID(L0|…|Ln) = SHA-256(ChainID(L0|…|Ln-1) + " "
// + DiffID(Ln)). For no layers at all: the SHA-256 of nothing.
Digest ChainId(const std::vector<Digest>& diff_ids);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_CHAIN_ID_H_
