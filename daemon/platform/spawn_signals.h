// The signals of a spawned child. For process.cc and supervisor.cc.

#ifndef BOTTLED_PLATFORM_SPAWN_SIGNALS_H_
#define BOTTLED_PLATFORM_SPAWN_SIGNALS_H_

#include <spawn.h>

namespace bottled {

// What is blocked and ignored here is no business of the child: it starts with
// nothing blocked and all at the default. Returns the flags that
// posix_spawnattr_setflags() must get for that.
short ResetSignalsInChild(posix_spawnattr_t* attributes);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_SPAWN_SIGNALS_H_
