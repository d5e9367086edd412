#include "jobs/progress_meter.h"

namespace bottled {
namespace {

constexpr std::chrono::milliseconds kInterval(100);

}  // namespace

void ProgressMeter::Set(int64_t current) {
  progress_.current = current;
  pending_ = true;
  const auto now = clock_.Steady();
  if (!reported_ || now - last_report_ >= kInterval) {
    reported_ = true;
    last_report_ = now;
    Flush();
  }
}

void ProgressMeter::Begin(const Progress& first) {
  Flush();
  progress_ = first;
  reported_ = false;
}

void ProgressMeter::Flush() {
  if (pending_) {
    pending_ = false;
    events_.Report(progress_);
  }
}

}  // namespace bottled
