// What this process takes of the machine's memory.

#ifndef BOTTLED_PLATFORM_PROCESS_MEMORY_H_
#define BOTTLED_PLATFORM_PROCESS_MEMORY_H_

#include <cstdint>

namespace bottled {

// What is resident of this process, its program's own pages included; 0 when
// the system does not say. Linux: /proc/self/statm, proc_pid_statm(5). macOS:
// task_info(). Thread-safe; does not block.
int64_t ResidentBytes();

// Gives back what the allocator keeps for later. glibc does so by itself only
// at the end of a heap, and has a heap per thread: what a burst of calls took
// stays resident. malloc_trim(3); malloc_zone_pressure_relief() on macOS; other
// C libraries: does nothing. Thread-safe. Allocations wait meanwhile: a few
// milliseconds for a heap of tens of megabytes.
void ReleaseFreeMemory();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_PROCESS_MEMORY_H_
