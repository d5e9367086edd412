// WarmGuard: whether this is the moment to make something that nobody has asked
// for yet: there is room on the disk, the machine is not short of memory or
// disk time, and it is plugged in.

#ifndef BOTTLED_JOBS_WARM_GUARD_H_
#define BOTTLED_JOBS_WARM_GUARD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "platform/host_load.h"

namespace bottled {

// Thread-safe, as far as its functions are.
class WarmGuard {
 public:
  struct Options {
    // Beyond this share of stalled time (HostLoad), in percent, nothing is
    // begun. 0: it is not looked at.
    double max_stalled = 25;
  };
  // What the machine is asked; tests answer themselves.
  struct Machine {
    std::function<HostLoad()> load;
    // Of the cache's file system, and how much shall stay free there.
    std::function<absl::StatusOr<int64_t>()> free_bytes;
    std::function<absl::StatusOr<int64_t>()> min_free_bytes;
  };

  WarmGuard(const Options& options, Machine machine)
      : options_(options), machine_(std::move(machine)) {}

  // Why something that will need about `bytes` shall wait, for people; empty:
  // go on. A disk that cannot be asked is no reason.
  std::string Check(int64_t bytes) const;

 private:
  const Options options_;
  const Machine machine_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_WARM_GUARD_H_
