// Scrubber: reads every artifact again from time to time, so that damage is
// found before somebody boots from it. One that is not what was published goes
// to quarantine; who held it is in the log.
//
// It leaves the disks to others while they are busy, but for a limited time:
// also on a machine that always is, everything is read in the end.
//
// When each was read last is kept in the index, so a restart goes on where it
// was. A clock that was set back or forward makes everything due, or nothing
// for an interval, and no more than that.

#ifndef BOTTLED_JOBS_SCRUBBER_H_
#define BOTTLED_JOBS_SCRUBBER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "jobs/change_feed.h"
#include "jobs/leases.h"
#include "store/index.h"
#include "store/objects.h"

namespace bottled {

// Spreads bytes over time. Not thread-safe.
class BytePace {
 public:
  BytePace(int64_t bytes_per_second, std::chrono::steady_clock::time_point now)
      : rate_(bytes_per_second), start_(now) {}

  // How long to wait after `bytes` more. What a slow medium or a suspended
  // machine lost is not made up for.
  std::chrono::milliseconds Spend(int64_t bytes,
                                  std::chrono::steady_clock::time_point now);

 private:
  const int64_t rate_;
  std::chrono::steady_clock::time_point start_;
  int64_t spent_ = 0;
};

// Thread-safe; meant for one thread of its own, whose reads it makes idle ones.
class Scrubber {
 public:
  struct Deps {
    Index& index;
    Objects& objects;
    Leases& leases;
    const Clock& clock;
    // Hears of artifacts that go. May be null.
    ChangeFeed* changes = nullptr;
  };
  struct Options {
    // How often each artifact is read.
    std::chrono::hours interval{7 * 24};
    int64_t bytes_per_second = 50'000'000;
    // Asked before each artifact, which waits while it is true, for two minutes
    // at most; an hour in a round. Null: never.
    std::function<bool()> busy = nullptr;
    // Waits; tests count instead.
    std::function<absl::Status(std::chrono::milliseconds, const CancelToken&)>
        sleep = SleepFor;
  };
  Scrubber(const Deps& deps, Options options)
      : deps_(deps), options_(std::move(options)) {}

  // Reads those that are due; after a crash also those that were never read
  // since they were made, the newest first. Blocks for all of it. An artifact
  // that cannot be read for a passing reason is left for the next round. The
  // round is kept in the index, unless nothing was due. CANCELLED: what was
  // done is kept all the same. Errors of the index.
  absl::StatusOr<ScrubRound> Run(bool after_crash, const CancelToken& cancel);

 private:
  // Between artifacts, where nothing is locked that others need.
  absl::Status LetOthersFinish(int& pauses, const CancelToken& cancel) const;
  // Reads one; counts it in the round.
  absl::Status ScrubOne(const ArtifactRecord& record, BytePace& pace,
                        const CancelToken& cancel, ScrubRound& round);
  // Unless it turns out to be a restored backup.
  absl::Status Condemn(const ArtifactRecord& record, const std::string& why,
                       const OnRead& on_read, ScrubRound& round);

  // Constant after construction.
  const Deps deps_;
  const Options options_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_SCRUBBER_H_
