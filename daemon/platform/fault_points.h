// CRASH_POINT("publish.renamed"): a place where tests let the process die as
// from kill -9. Nothing at all, its name included, unless BOTTLED_FAULTS.
//
// In a fault build the environment chooses, for a whole process:
//   BOTTLED_CRASH_AT=publish.renamed:2   die at the second hit of that point
//   BOTTLED_CRASH_LIST=FILE              append the name of every point hit
// A test chooses with SetCrashHandler() instead.

#ifndef BOTTLED_PLATFORM_FAULT_POINTS_H_
#define BOTTLED_PLATFORM_FAULT_POINTS_H_

#ifdef BOTTLED_FAULTS

namespace bottled {

// Any thread may hit a point; the handler then runs on it. Set it, or nullptr
// for what the environment says, while no other thread is at work.
void SetCrashHandler(void (*handler)(const char* name));

void HitCrashPoint(const char* name);

}  // namespace bottled

#define CRASH_POINT(name) ::bottled::HitCrashPoint(name)

#else

#define CRASH_POINT(name) static_cast<void>(0)

#endif  // BOTTLED_FAULTS

#endif  // BOTTLED_PLATFORM_FAULT_POINTS_H_
