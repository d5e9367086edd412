// DiskState: whether there is room to write at all. When the index meets a full
// disk it becomes full: the reserves are given up, so that rows can be deleted,
// and no new job is taken; what is there is still served. It ends by itself
// once every disk has room again, and its reserve.

#ifndef BOTTLED_JOBS_DISK_STATE_H_
#define BOTTLED_JOBS_DISK_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "platform/places.h"
#include "store/reserve.h"

namespace bottled {

// Below this nothing that grows may go on: 1 GiB, less on a small disk, and
// never more than `min_free_bytes`, the policy's, which is resolved.
int64_t HardFloor(int64_t total_bytes, int64_t min_free_bytes);

// Inodes that a disk of so many must have free for a job; 0 for one that makes
// them as it needs them.
int64_t MinFreeFiles(int64_t total_files);

// Thread-safe.
class DiskState {
 public:
  // One reserve for each file system that is written to. Of a small
  // `min_free_bytes` see HardFloor(); 0 = by the size of each disk.
  DiskState(std::vector<std::unique_ptr<Reserve>> reserves,
            int64_t min_free_bytes)
      : reserves_(std::move(reserves)), min_free_bytes_(min_free_bytes) {}

  // A reserve in the cache, and one beside the index when that is on another
  // file system.
  static std::vector<std::unique_ptr<Reserve>> ReservesFor(
      const Places& places);

  // Makes the reserves. A disk without the room for one makes it full.
  void Start();

  // A write met a full disk. True when a reserve was given up, so that it may
  // be tried again. Never blocks on the index: called under its mutex.
  bool NoteFull(std::string_view why);

  // Looks whether it can end: every disk has its floor and its reserve again.
  // Cheap when it is not full. True when it has just ended.
  bool TryToLeave();

  // DISK_FULL while it is full, else OK. Never blocks on the disk.
  absl::Status Check() const;
  bool full() const { return full_.load(); }
  // The sum of the reserves that are held.
  int64_t reserve_bytes() const;

 private:
  // False when its disk has not enough room yet.
  bool Refill(Reserve& reserve) const;

  // Constant after construction.
  const std::vector<std::unique_ptr<Reserve>> reserves_;
  const int64_t min_free_bytes_;

  std::atomic<bool> full_ = false;
  mutable Mutex mu_;
  std::string why_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_DISK_STATE_H_
