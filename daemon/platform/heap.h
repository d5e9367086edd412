// The memory that the allocator keeps.

#ifndef BOTTLED_PLATFORM_HEAP_H_
#define BOTTLED_PLATFORM_HEAP_H_

namespace bottled {

// Gives the system what is free. glibc does so by itself only at the end of a
// heap, and has a heap for each thread: what a burst of calls took stays
// resident. malloc_trim(3) there, malloc_zone_pressure_relief() on macOS;
// nothing with other C libraries. Thread-safe. Allocations wait meanwhile: a
// few milliseconds for tens of megabytes.
void ReleaseFreeMemory();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_HEAP_H_
