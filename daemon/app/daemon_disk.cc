// The part of the composition root that is about room on the disk.
#include <string>
#include <utility>

#include "app/daemon.h"
#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "platform/disk_space.h"
#include "platform/file.h"

namespace bottled {
namespace {

// SQLite says only that it cannot open its log then.
bool IsExhausted(const Places& places) {
  const absl::StatusOr<DiskSpace> space = LookAtDisk(places.state_dir);
  return space.ok() && space->total_files > 0 && space->free_files == 0;
}

}  // namespace

CachePolicy Daemon::Policy() const {
  CachePolicy policy;
  policy.max_bytes = options_.cache_max_bytes;
  policy.min_free_bytes = options_.cache_min_free_bytes;
  policy.max_idle = std::chrono::hours(24 * options_.cache_max_idle_days);
  policy.min_keep_age = std::chrono::minutes(options_.cache_min_age_minutes);
  return policy;
}

absl::Status Daemon::PrepareDisk() {
  RETURN_IF_ERROR(EnsurePrivateDir(places_.cache_dir, 0700));
  disk_ = std::make_unique<DiskState>(DiskState::ReservesFor(places_),
                                      options_.cache_min_free_bytes);
  disk_->Start();
  return absl::OkStatus();
}

absl::Status Daemon::OpenIndexOnDisk(const Clock& clock,
                                     RecoveryReport& report) {
  absl::StatusOr<std::unique_ptr<Index>> index =
      OpenIndex(places_, lock_, clock, report);
  // SQLite needs room, and an inode, for the log that it makes.
  if (!index.ok() &&
      (HasReason(index.status(), "NO_SPACE") || IsExhausted(places_)) &&
      disk_->NoteFull(std::string(index.status().message()))) {
    index = OpenIndex(places_, lock_, clock, report);
  }
  ASSIGN_OR_RETURN(index_, std::move(index));
  index_->set_on_full([disk = disk_.get()](const std::string& why) {
    return disk->NoteFull(why);
  });
  return absl::OkStatus();
}

void Daemon::MakeAdmission(const Clock& clock) {
  admission_ = std::make_unique<Admission>(
      Admission::Deps{.collector = *collector_, .disk = *disk_, .clock = clock},
      Admission::Options{.policy = Policy(), .look = [dir = places_.cache_dir] {
                           return LookAtDisk(dir);
                         }});
  disk_watch_ =
      std::make_unique<DiskWatch>(DiskWatch::Deps{.admission = *admission_,
                                                  .collector = *collector_,
                                                  .disk = *disk_,
                                                  .clock = clock},
                                  DiskWatch::Options{});
}

}  // namespace bottled
