#include "jobs/disk_state.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "jobs/cache_policy.h"
#include "jobs/errors.h"

namespace bottled {
namespace {

constexpr int64_t kFloor = int64_t{1} << 30;
constexpr int64_t kFloorShare = 16;
constexpr int64_t kMinFiles = 1000;
constexpr int64_t kFilesShare = 10;

}  // namespace

int64_t HardFloor(int64_t total_bytes, int64_t min_free_bytes) {
  return total_bytes > 0
             ? std::min({kFloor, total_bytes / kFloorShare, min_free_bytes})
             : 0;
}

int64_t MinFreeFiles(int64_t total_files) {
  return std::min(kMinFiles, total_files / kFilesShare);
}

std::vector<std::unique_ptr<Reserve>> DiskState::ReservesFor(
    const Places& places) {
  std::vector<std::unique_ptr<Reserve>> reserves;
  reserves.push_back(std::make_unique<Reserve>(places.cache_reserve()));
  struct stat cache = {};
  struct stat state = {};
  if (::stat(places.cache_dir.c_str(), &cache) == 0 &&
      ::stat(places.state_dir.c_str(), &state) == 0 &&
      cache.st_dev != state.st_dev) {
    reserves.push_back(std::make_unique<Reserve>(places.state_reserve()));
  }
  return reserves;
}

void DiskState::Start() {
  for (const std::unique_ptr<Reserve>& reserve : reserves_) {
    const absl::Status status = reserve->Make();
    if (HasReason(status, "NO_SPACE")) {
      NoteFull(std::string(status.message()));
    } else if (!status.ok()) {
      // Without it a full disk is only harder to leave.
      Log("jobs")->warn("{}", Printable(std::string(status.message()), 512));
    }
  }
}

bool DiskState::NoteFull(std::string_view why) {
  if (!full_.exchange(true)) {
    MutexLock lock(mu_);
    why_ = std::string(why);
    Log("jobs")->warn("the disk is full; no new jobs until there is room: {}",
                      Printable(why, 512));
  }
  bool dropped = false;
  for (const std::unique_ptr<Reserve>& reserve : reserves_) {
    dropped = reserve->Drop() || dropped;
  }
  return dropped;
}

bool DiskState::Refill(Reserve& reserve) const {
  const absl::StatusOr<DiskSpace> space = reserve.Look();
  if (!space.ok()) {
    return false;
  }
  CachePolicy policy;
  policy.min_free_bytes = min_free_bytes_;
  const int64_t floor = HardFloor(
      space->total_bytes, Resolved(policy, space->total_bytes).min_free_bytes);
  const int64_t missing =
      reserve.held() ? 0 : Reserve::SizeFor(space->total_bytes);
  return space->free_bytes >= floor + missing &&
         space->free_files >= MinFreeFiles(space->total_files) &&
         reserve.Make().ok();
}

bool DiskState::TryToLeave() {
  if (!full()) {
    return false;
  }
  for (const std::unique_ptr<Reserve>& reserve : reserves_) {
    if (!Refill(*reserve)) {
      return false;
    }
  }
  full_ = false;
  for (const std::unique_ptr<Reserve>& reserve : reserves_) {
    // It was given up meanwhile.
    if (!reserve->held()) {
      full_ = true;
      return false;
    }
  }
  Log("jobs")->info("the disk has room again");
  return true;
}

absl::Status DiskState::Check() const {
  if (!full()) {
    return absl::OkStatus();
  }
  MutexLock lock(mu_);
  return DiskIsFull(why_);
}

int64_t DiskState::reserve_bytes() const {
  int64_t bytes = 0;
  for (const std::unique_ptr<Reserve>& reserve : reserves_) {
    bytes += reserve->bytes();
  }
  return bytes;
}

}  // namespace bottled
