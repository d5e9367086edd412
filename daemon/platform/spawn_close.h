// Closing all other descriptors in a spawned child, which each system does in a
// way of its own. For process.cc.

#ifndef BOTTLED_PLATFORM_SPAWN_CLOSE_H_
#define BOTTLED_PLATFORM_SPAWN_CLOSE_H_

#include <spawn.h>

namespace bottled {

// Call after the file actions for the descriptors below `first` were added.
// Adds an action or a flag, so that the child starts with no other ones.
// Returns an errno value, 0 for success.
int CloseOthersInChild(int first, posix_spawn_file_actions_t* actions,
                       short* flags);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_SPAWN_CLOSE_H_
