#include "jobs/warm_guard.h"

#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {

std::string WarmGuard::Check(int64_t bytes) const {
  const HostLoad load = machine_.load();
  if (load.on_battery) {
    return "this machine runs on its battery";
  }
  if (options_.max_stalled > 0 && load.memory_stalled > options_.max_stalled) {
    return fmt::format(
        "memory is short: programs waited for it {:.0f}% of the "
        "last ten seconds",
        load.memory_stalled);
  }
  if (options_.max_stalled > 0 && load.io_stalled > options_.max_stalled) {
    return fmt::format(
        "disks are busy: everything waited for them {:.0f}% of "
        "the last ten seconds",
        load.io_stalled);
  }
  const absl::StatusOr<int64_t> free = machine_.free_bytes();
  const absl::StatusOr<int64_t> least = machine_.min_free_bytes();
  if (free.ok() && least.ok() && *free - bytes < *least) {
    return fmt::format(
        "the cache's disk has {} left, of which {} shall stay free, and about "
        "{} are needed",
        FormatBytes(*free), FormatBytes(*least), FormatBytes(bytes));
  }
  return "";
}

}  // namespace bottled
