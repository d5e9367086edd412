#include "jobs/disk_watch.h"

#include <string>

#include "base/log.h"
#include "base/strings.h"

namespace bottled {

void DiskWatch::Tick(const CancelToken& cancel) {
  if (deps_.admission.count() > 0) {
    deps_.admission.Watch();
  }
  published_ = deps_.admission.TakePublished() || published_;
  const auto now = deps_.clock.Steady();
  const auto due = [&](std::chrono::milliseconds pause) {
    return !collected_.has_value() || now - *collected_ >= pause;
  };
  if (deps_.disk.full()) {
    if (due(options_.while_full)) {
      Collect(cancel);
    }
    deps_.disk.TryToLeave();
  } else if (published_ && now - started_ >= options_.start_grace &&
             due(options_.after_publication)) {
    Collect(cancel);
    published_ = false;
  }
}

void DiskWatch::Collect(const CancelToken& cancel) {
  collected_ = deps_.clock.Steady();
  const absl::StatusOr<Collection> collection =
      deps_.collector.Collect(/*dry_run=*/false, cancel);
  if (!collection.ok() && !absl::IsCancelled(collection.status())) {
    Log("jobs")->warn(
        "cannot collect: {}",
        Printable(std::string(collection.status().message()), 512));
  }
}

}  // namespace bottled
