#include "image/chain_id.h"

namespace bottled {

Digest ChainId(std::span<const Digest> diff_ids) {
  if (diff_ids.empty()) {
    return Sha256Of("");
  }
  Digest chain = diff_ids.front();
  for (const Digest& diff_id : diff_ids.subspan(1)) {
    chain = Sha256Of(chain.ToString() + ' ' + diff_id.ToString());
  }
  return chain;
}

}  // namespace bottled
