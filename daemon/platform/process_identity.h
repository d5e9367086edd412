// Telling one process from a later one that has its number.

#ifndef BOTTLED_PLATFORM_PROCESS_IDENTITY_H_
#define BOTTLED_PLATFORM_PROCESS_IDENTITY_H_

#include <sys/types.h>

#include <string>

namespace bottled {

struct ProcessLook {
  enum class State {
    kAlive,
    // There is no such process, it has ended (a zombie), it is another user's,
    // or the number is a thread's.
    kGone,
    // The system would not tell now (no descriptors, no memory).
    kUnknown,
  };
  State state = State::kUnknown;
  // Of kAlive: what no other process ever is, the boot's ID and the process's
  // start time (Linux: proc(5), field 22 of stat, and random/boot_id).
  std::string identity;
};

// Thread-safe; does not block. On Linux it needs two descriptors for a moment.
ProcessLook LookAtProcess(pid_t pid);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_PROCESS_IDENTITY_H_
