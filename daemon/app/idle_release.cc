#include "app/idle_release.h"

#include <ctime>
#include <utility>

#include "platform/heap.h"

namespace bottled {
namespace {

constexpr std::chrono::milliseconds kQuiet(20);
constexpr int kQuietTicks = 5;
constexpr std::chrono::milliseconds kWorth(100);

}  // namespace

IdleRelease::Process IdleRelease::Self() {
  return {.processor_time =
              [] {
                // POSIX: CLOCKS_PER_SEC is a million.
                return std::chrono::microseconds(std::clock());
              },
          .release = ReleaseFreeMemory};
}

IdleRelease::IdleRelease(Process process)
    : process_(std::move(process)), ticked_(process_.processor_time()) {}

void IdleRelease::Tick() {
  const std::chrono::microseconds now = process_.processor_time();
  const bool quiet = now - std::exchange(ticked_, now) < kQuiet;
  quiet_ticks_ = quiet ? quiet_ticks_ + 1 : 0;
  if (quiet_ticks_ < kQuietTicks || now - released_ < kWorth) {
    return;
  }
  process_.release();
  // Else giving back would itself count as work, and be done again and again.
  ticked_ = released_ = process_.processor_time();
}

}  // namespace bottled
