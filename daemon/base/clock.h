// The time of day and the steady clock behind one interface, so that tests can
// set both.

#ifndef BOTTLED_BASE_CLOCK_H_
#define BOTTLED_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace bottled {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time, milliseconds since the Unix epoch, UTC.
  virtual int64_t NowMs() const = 0;

  // A clock that never goes back; for durations and timeouts.
  virtual std::chrono::steady_clock::time_point Steady() const = 0;

  // The system's clocks. Never destroyed.
  static const Clock& System();
};

}  // namespace bottled

#endif  // BOTTLED_BASE_CLOCK_H_
