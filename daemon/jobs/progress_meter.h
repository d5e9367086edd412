// ProgressMeter: turns many small steps into at most ten reports a second.

#ifndef BOTTLED_JOBS_PROGRESS_METER_H_
#define BOTTLED_JOBS_PROGRESS_METER_H_

#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "jobs/event_log.h"

namespace bottled {

// Not thread-safe. Reports the last step at the latest when it is destroyed.
class ProgressMeter {
 public:
  // `first` names stage, unit and total; it is reported with the first step.
  ProgressMeter(EventLog& events, const Clock& clock, const Progress& first)
      : events_(events), clock_(clock), progress_(first) {}
  ~ProgressMeter() { Flush(); }
  ProgressMeter(const ProgressMeter&) = delete;
  ProgressMeter& operator=(const ProgressMeter&) = delete;

  void Set(int64_t current);
  // Another stage or total; what was not reported yet is reported first.
  void Begin(const Progress& first);
  const Progress& progress() const { return progress_; }

 private:
  void Flush();

  // Constant after construction.
  EventLog& events_;
  const Clock& clock_;

  Progress progress_;
  bool pending_ = false;
  bool reported_ = false;
  std::chrono::steady_clock::time_point last_report_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_PROGRESS_METER_H_
