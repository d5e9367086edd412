#include "jobs/watched_time.h"

#include <algorithm>

namespace bottled {
namespace {

constexpr std::chrono::milliseconds kMostGap = std::chrono::hours(7 * 24);
constexpr std::chrono::milliseconds kBack = std::chrono::hours(1);

}  // namespace

WatchedTime LookedAt(const WatchedTime& before, int64_t now_ms,
                     std::chrono::milliseconds max_idle) {
  WatchedTime now = {.seen_ms = now_ms, .since_ms = before.since_ms};
  if (before.seen_ms == 0) {
    return now;
  }
  const int64_t passed = now_ms - before.seen_ms;
  if (passed > std::min(kMostGap, max_idle / 2).count() ||
      passed < -kBack.count()) {
    now.since_ms = now_ms;
  }
  return now;
}

}  // namespace bottled
