#include "platform/spawn_close.h"

namespace bottled {

int CloseOthersInChild(int first, posix_spawn_file_actions_t* actions, short*) {
  // glibc 2.34.
  return ::posix_spawn_file_actions_addclosefrom_np(actions, first);
}

}  // namespace bottled
