// Threads that must not be in anybody's way.

#ifndef BOTTLED_PLATFORM_THREAD_PRIORITY_H_
#define BOTTLED_PLATFORM_THREAD_PRIORITY_H_

namespace bottled {

// From now on the calling thread gets the processor only when others leave it.
// Linux: nice 19 (setpriority(2)). There is no way back. Errors are ignored.
// For the disk see IdleIo.
void LowerThreadPriority();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_THREAD_PRIORITY_H_
