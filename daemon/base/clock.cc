#include "base/clock.h"

namespace bottled {
namespace {

class SystemClock final : public Clock {
 public:
  int64_t NowMs() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace

const Clock& Clock::System() {
  // Leaked, so that threads may still use it while the process exits.
  static const auto* const clock = new SystemClock;
  return *clock;
}

}  // namespace bottled
