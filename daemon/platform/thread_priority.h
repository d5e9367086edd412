// Threads that must not be in anybody's way.

#ifndef BOTTLED_PLATFORM_THREAD_PRIORITY_H_
#define BOTTLED_PLATFORM_THREAD_PRIORITY_H_

namespace bottled {

// From now on the calling thread gets processor and disk only when others leave
// them, as far as the system can tell them apart. Linux: nice 19 and the idle
// I/O class (setpriority(2), ioprio_set(2)), which only some I/O schedulers
// know. There is no way back. Errors are ignored.
void LowerThreadPriority();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_THREAD_PRIORITY_H_
