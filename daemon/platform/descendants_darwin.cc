// This file was never compiled, as no macOS machine was at hand.

#include <libproc.h>

#include <algorithm>
#include <array>

#include "platform/descendants.h"

namespace bottled {

// launchd adopts them, so that only what still has its parent is found.
bool AdoptOrphans() { return false; }

std::vector<pid_t> Descendants(pid_t root) {
  std::vector<pid_t> found = {root};
  for (size_t i = 0; i < found.size(); ++i) {
    std::array<pid_t, 1024> children = {};
    const int count = ::proc_listchildpids(found[i], children.data(),
                                           static_cast<int>(sizeof(children)));
    for (int child = 0; child < count; ++child) {
      found.push_back(children.at(static_cast<size_t>(child)));
    }
  }
  std::reverse(found.begin(), found.end());
  found.pop_back();
  return found;
}

}  // namespace bottled
