// How the daemon warms: WarmService with this machine and the daemon's options.

#include <chrono>

#include "app/daemon.h"
#include "base/status_macros.h"
#include "platform/file.h"
#include "platform/host_load.h"

namespace bottled {

void Daemon::MakeWarming(const Clock& clock) {
  const std::filesystem::path dir = places_.cache_dir;
  warm_guard_ = std::make_unique<WarmGuard>(
      WarmGuard::Options{.max_stalled =
                             static_cast<double>(options_.warm_max_stalled)},
      WarmGuard::Machine{
          .load = [] { return ReadHostLoad(); },
          .free_bytes = [dir] { return FreeBytes(dir); },
          .min_free_bytes =
              [admission = admission_.get()]() -> absl::StatusOr<int64_t> {
            ASSIGN_OR_RETURN(const CachePolicy policy, admission->policy());
            return policy.min_free_bytes;
          }});
  WarmService::Options warming;
  warming.times.interval = std::chrono::minutes(options_.warm_interval_minutes);
  warming_ =
      std::make_unique<WarmService>(WarmService::Deps{.prepares = *prepares_,
                                                      .engines = *engines_,
                                                      .scheduler = *scheduler_,
                                                      .index = *index_,
                                                      .changes = *feed_,
                                                      .guard = *warm_guard_,
                                                      .clock = clock},
                                    warming);
}

}  // namespace bottled
