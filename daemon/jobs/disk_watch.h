// DiskWatch: what is done about the disk from second to second: jobs that fill
// it are stopped, a full one is made room on, and the cache is brought within
// its limits after something was added.

#ifndef BOTTLED_JOBS_DISK_WATCH_H_
#define BOTTLED_JOBS_DISK_WATCH_H_

#include <chrono>
#include <optional>

#include "base/cancel.h"
#include "base/clock.h"
#include "jobs/admission.h"
#include "jobs/collector.h"
#include "jobs/disk_state.h"

namespace bottled {

// For one thread.
class DiskWatch {
 public:
  struct Deps {
    Admission& admission;
    Collector& collector;
    DiskState& disk;
    const Clock& clock;
  };
  struct Options {
    // After the start nothing is collected for so long, unless there is no
    // room: whoever held something in the life of the last daemon gets the time
    // to say so again.
    std::chrono::milliseconds start_grace{60'000};
    // Between two collections after publications.
    std::chrono::milliseconds after_publication{10'000};
    // Between two of a full disk.
    std::chrono::milliseconds while_full{5'000};
  };
  DiskWatch(const Deps& deps, Options options)
      : deps_(deps), options_(options), started_(deps.clock.Steady()) {}

  // To be called about every second. Cheap when there is nothing to do: one
  // statvfs(3) while jobs run. Blocks for a collection. Errors are logged.
  void Tick(const CancelToken& cancel);

 private:
  void Collect(const CancelToken& cancel);

  // Constant after construction.
  const Deps deps_;
  const Options options_;
  const std::chrono::steady_clock::time_point started_;

  bool published_ = false;
  std::optional<std::chrono::steady_clock::time_point> collected_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_DISK_WATCH_H_
