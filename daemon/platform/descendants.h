// The processes below one, which each system tells in a way of its own. For
// supervisor.cc.

#ifndef BOTTLED_PLATFORM_DESCENDANTS_H_
#define BOTTLED_PLATFORM_DESCENDANTS_H_

#include <sys/types.h>

#include <vector>

namespace bottled {

// From now on processes below this one whose parent ends become its children.
// False where the system cannot do that.
bool AdoptOrphans();

// Every process below `root` right now, parents after their children. Empty
// when that cannot be told.
std::vector<pid_t> Descendants(pid_t root);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_DESCENDANTS_H_
