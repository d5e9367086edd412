#include "app/idle_release.h"

#include <ctime>
#include <utility>

#include "platform/process_memory.h"

namespace bottled {
namespace {

constexpr std::chrono::milliseconds kQuiet(20);
constexpr int kQuietTicks = 5;
constexpr int64_t kWorthBytes = 1 << 20;

}  // namespace

IdleRelease::Process IdleRelease::Self() {
  return {.processor_time =
              [] {
                // POSIX: CLOCKS_PER_SEC is a million.
                return std::chrono::microseconds(std::clock());
              },
          .resident_bytes = ResidentBytes,
          .release = ReleaseFreeMemory};
}

IdleRelease::IdleRelease(Process process)
    : process_(std::move(process)),
      processor_time_(process_.processor_time()),
      resident_bytes_(process_.resident_bytes()) {}

void IdleRelease::Tick() {
  const std::chrono::microseconds before =
      std::exchange(processor_time_, process_.processor_time());
  if (processor_time_ - before >= kQuiet) {
    quiet_ticks_ = 0;
    return;
  }
  if (++quiet_ticks_ < kQuietTicks) {
    return;
  }
  quiet_ticks_ = 0;
  if (process_.resident_bytes() > resident_bytes_ + kWorthBytes) {
    process_.release();
    resident_bytes_ = process_.resident_bytes();
  }
}

}  // namespace bottled
