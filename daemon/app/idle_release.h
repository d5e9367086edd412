// IdleRelease: gives free memory back to the system when the daemon has come to
// rest after work. A daemon that waits for months must not keep what its
// busiest minute took; while it works, though, it needs the memory again at
// once.

#ifndef BOTTLED_APP_IDLE_RELEASE_H_
#define BOTTLED_APP_IDLE_RELEASE_H_

#include <chrono>
#include <functional>

namespace bottled {

// For one thread.
class IdleRelease {
 public:
  struct Process {
    // Of this process so far, all threads.
    std::function<std::chrono::microseconds()> processor_time;
    std::function<void()> release;
  };
  // This one, with ReleaseFreeMemory().
  static Process Self();

  explicit IdleRelease(Process process);

  // To be called about every second. At rest are five such seconds in which the
  // processor was used for less than 20 ms each. Then memory is given back, if
  // the processor was used for 100 ms since the last time, or the start of the
  // process. Blocks for that; else it is a system call.
  void Tick();

 private:
  // Constant after construction.
  const Process process_;

  // Processor time, at the last tick, and when memory was last given back.
  std::chrono::microseconds ticked_;
  std::chrono::microseconds released_{0};
  int quiet_ticks_ = 0;
};

}  // namespace bottled

#endif  // BOTTLED_APP_IDLE_RELEASE_H_
