#include <malloc.h>

#include "platform/heap.h"

namespace bottled {

void ReleaseFreeMemory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace bottled
