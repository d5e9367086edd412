#include "image/chain_id.h"

namespace bottled {

Digest ChainId(const std::vector<Digest>& diff_ids) {
  if (diff_ids.empty()) {
    return Sha256Of("");
  }
  Digest chain = diff_ids.front();
  for (size_t i = 1; i < diff_ids.size(); ++i) {
    chain = Sha256Of(chain.ToString() + " " + diff_ids[i].ToString());
  }
  return chain;
}

}  // namespace bottled
