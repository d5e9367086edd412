// IdleRelease: gives memory back to the system when the daemon has come to rest
// after work. A daemon that waits for months must not keep what its busiest
// minute took; while it works, though, it needs the memory again at once.

#ifndef BOTTLED_APP_IDLE_RELEASE_H_
#define BOTTLED_APP_IDLE_RELEASE_H_

#include <chrono>
#include <cstdint>
#include <functional>

namespace bottled {

// For one thread.
class IdleRelease {
 public:
  struct Process {
    // Of this process so far, all threads.
    std::function<std::chrono::microseconds()> processor_time;
    std::function<int64_t()> resident_bytes;
    std::function<void()> release;
  };
  // This one, with platform/process_memory.h.
  static Process Self();

  explicit IdleRelease(Process process);

  // To be called about every second. At rest are five such seconds in which the
  // processor was used for less than 20 ms each. Then memory is given back if
  // there is over 1 MiB more than after the last time (or at construction).
  // Blocks for ReleaseFreeMemory() then, else for a system call or two.
  void Tick();

 private:
  // Constant after construction.
  const Process process_;

  std::chrono::microseconds processor_time_;
  // When it was last given back.
  int64_t resident_bytes_;
  int quiet_ticks_ = 0;
};

}  // namespace bottled

#endif  // BOTTLED_APP_IDLE_RELEASE_H_
