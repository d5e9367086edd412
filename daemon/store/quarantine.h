// The quarantine directory: files that were not what was published. They are
// kept for a while, so that a person can look at what happened to them, and
// never served.
//
// Blocks on the disk. Thread-safe: a file that goes meanwhile is no error.

#ifndef BOTTLED_STORE_QUARANTINE_H_
#define BOTTLED_STORE_QUARANTINE_H_

#include <chrono>
#include <cstdint>

#include "absl/status/statusor.h"
#include "platform/places.h"

namespace bottled {

struct QuarantineTotals {
  // Records and other small files count too.
  int64_t count = 0;
  int64_t bytes = 0;
};

struct QuarantineLimits {
  int64_t max_bytes = 5'000'000'000;
  std::chrono::hours max_age{7 * 24};
};

absl::StatusOr<QuarantineTotals> MeasureQuarantine(const Places& places);

// Deletes what has been there longer than the limit, by the clock of the file
// system, and then the oldest until the rest is small enough. What resists is
// logged. Returns what is left. Nothing is older than it looks after a clock
// was set back.
absl::StatusOr<QuarantineTotals> TrimQuarantine(const Places& places,
                                                const QuarantineLimits& limits,
                                                int64_t now_ms);

}  // namespace bottled

#endif  // BOTTLED_STORE_QUARANTINE_H_
