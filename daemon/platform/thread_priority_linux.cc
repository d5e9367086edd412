#include <sys/resource.h>

#include "platform/thread_priority.h"

namespace bottled {

void LowerThreadPriority() {
  // setpriority(2), "C library/kernel differences": 0 is this thread alone.
  (void)::setpriority(PRIO_PROCESS, 0, 19);
}

}  // namespace bottled
