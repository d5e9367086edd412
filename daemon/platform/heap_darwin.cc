// This file was never compiled, as no macOS machine was at hand.

#include <malloc/malloc.h>

#include "platform/heap.h"

namespace bottled {

void ReleaseFreeMemory() { ::malloc_zone_pressure_relief(nullptr, 0); }

}  // namespace bottled
