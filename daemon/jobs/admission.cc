#include "jobs/admission.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "jobs/errors.h"

namespace bottled {
namespace {

// How often a waiting job looks at its token and at the disk.
constexpr std::chrono::milliseconds kLookAgain(200);
constexpr int64_t kUnknown = int64_t{1} << 30;
constexpr int64_t kUnknownShare = 16;

}  // namespace

absl::StatusOr<CachePolicy> Admission::policy() const {
  ASSIGN_OR_RETURN(const DiskSpace space, options_.look());
  return Resolved(options_.policy, space.total_bytes);
}

int64_t Admission::ReservedLocked() const {
  int64_t bytes = 0;
  for (const Entry& entry : entries_) {
    bytes += entry.request.bytes;
  }
  return bytes;
}

int64_t Admission::reserved_bytes() const {
  MutexLock lock(mu_);
  return ReservedLocked();
}

int Admission::count() const {
  MutexLock lock(mu_);
  return static_cast<int>(entries_.size());
}

void Admission::Release(std::list<Entry>::iterator entry) {
  MutexLock lock(mu_);
  entries_.erase(entry);
  ++releases_;
  released_.NotifyAll();
}

absl::StatusOr<std::unique_ptr<Admission::Ticket>> Admission::TakeIfRoom(
    Request& request, RoomNumbers& room) {
  RETURN_IF_ERROR(deps_.disk.Check());
  ASSIGN_OR_RETURN(const DiskSpace space, options_.look());
  const int64_t min_files = MinFreeFiles(space.total_files);
  if (space.free_files < min_files) {
    return NoInodes(space.free_files, min_files);
  }
  const CachePolicy policy = Resolved(options_.policy, space.total_bytes);
  if (request.bytes == 0) {
    request.bytes = std::min(kUnknown, space.total_bytes / kUnknownShare);
  }
  room.need_bytes = request.bytes;
  room.free_bytes = space.free_bytes;
  room.min_free_bytes = policy.min_free_bytes;
  MutexLock lock(mu_);
  room.reserved_bytes = ReservedLocked();
  const bool known = space.total_bytes > 0;
  if (known && room.free_bytes - room.reserved_bytes - room.need_bytes <
                   room.min_free_bytes) {
    return nullptr;
  }
  entries_.push_back({.request = std::move(request)});
  return std::make_unique<Ticket>(*this, std::prev(entries_.end()));
}

absl::StatusOr<std::unique_ptr<Admission::Ticket>> Admission::TryOnce(
    Request& request, RoomNumbers& room, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(std::unique_ptr<Ticket> ticket, TakeIfRoom(request, room));
  if (ticket != nullptr) {
    return ticket;
  }
  // Nothing goes for a job that cannot start all the same.
  const int64_t more_bytes = room.need_bytes + room.reserved_bytes;
  ASSIGN_OR_RETURN(
      const Collection would,
      deps_.collector.Collect(/*dry_run=*/true, cancel, more_bytes));
  const int64_t could_be_free = would.free_bytes + would.trash_bytes +
                                would.removed_kept_layer_bytes +
                                would.removed_bytes;
  if (could_be_free - more_bytes >= room.min_free_bytes) {
    RETURN_IF_ERROR(
        deps_.collector.Collect(/*dry_run=*/false, cancel, more_bytes)
            .status());
    RETURN_IF_ERROR(deps_.collector.WaitForRoom(cancel));
    ASSIGN_OR_RETURN(ticket, TakeIfRoom(request, room));
    if (ticket != nullptr) {
      return ticket;
    }
  }
  room.held_bytes = would.held_bytes;
  if (room.reserved_bytes > 0 &&
      could_be_free - room.need_bytes >= room.min_free_bytes) {
    return nullptr;
  }
  return NoRoomForJob(room);
}

absl::StatusOr<std::unique_ptr<Admission::Ticket>> Admission::Admit(
    Request request, const CancelToken& cancel) {
  const auto deadline = deps_.clock.Steady() + options_.patience;
  bool told = false;
  while (true) {
    RoomNumbers room;
    ASSIGN_OR_RETURN(std::unique_ptr<Ticket> ticket,
                     TryOnce(request, room, cancel));
    if (ticket != nullptr) {
      return ticket;
    }
    if (deps_.clock.Steady() >= deadline) {
      return NoRoomForJob(room);
    }
    if (request.tell && !std::exchange(told, true)) {
      request.tell("other jobs have reserved the room on the disk; waiting");
    }
    MutexLock lock(mu_);
    const int64_t releases = releases_;
    while (releases_ == releases && deps_.clock.Steady() < deadline) {
      RETURN_IF_ERROR(cancel.Check());
      released_.WaitFor(mu_, kLookAgain);
    }
  }
}

void Admission::Watch() {
  const absl::StatusOr<DiskSpace> space = options_.look();
  if (!space.ok()) {
    return;
  }
  const CachePolicy policy = Resolved(options_.policy, space->total_bytes);
  const int64_t floor = HardFloor(space->total_bytes, policy.min_free_bytes);
  if (space->free_bytes >= floor) {
    return;
  }
  MutexLock lock(mu_);
  Entry* victim = nullptr;
  bool victim_is_warm = false;
  for (Entry& entry : entries_) {
    if (entry.stopped) {
      // Its room is on its way back.
      return;
    }
    const bool warm = entry.request.is_warm && entry.request.is_warm();
    if (victim == nullptr || warm >= victim_is_warm) {
      victim = &entry;
      victim_is_warm = warm;
    }
  }
  if (victim == nullptr) {
    return;
  }
  victim->stopped = true;
  const absl::Status why = StoppedForRoom(space->free_bytes, floor);
  Log("jobs")->warn("job {}: {}", victim->request.job_id,
                    std::string(why.message()));
  victim->request.stop(why);
}

}  // namespace bottled
