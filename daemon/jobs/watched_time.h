// Since when times of last use can be compared with now. They cannot across a
// gap in which nobody looked after the cache: the machine was off or asleep, or
// its clock was set. Else everything would be idle at once, and go. Pure.

#ifndef BOTTLED_JOBS_WATCHED_TIME_H_
#define BOTTLED_JOBS_WATCHED_TIME_H_

#include <chrono>
#include <cstdint>

#include "store/records.h"

namespace bottled {

// `before` after a look at `now_ms`. A gap is half of `max_idle`, but at most
// seven days; or a clock that went back by more than an hour. `since_ms` is now
// after a gap, and else stays. The first look (`before` is empty) is none.
WatchedTime LookedAt(const WatchedTime& before, int64_t now_ms,
                     std::chrono::milliseconds max_idle);

}  // namespace bottled

#endif  // BOTTLED_JOBS_WATCHED_TIME_H_
