// Collector: keeps the cache within its policy (cache_policy.h).

#ifndef BOTTLED_JOBS_COLLECTOR_H_
#define BOTTLED_JOBS_COLLECTOR_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "jobs/cache_policy.h"
#include "jobs/change_feed.h"
#include "jobs/leases.h"
#include "pack/kept_layers.h"
#include "store/index.h"
#include "store/objects.h"

namespace bottled {

// What one collection found and did.
struct Collection {
  bool dry_run = false;
  CachePolicy policy;  // resolved
  int64_t artifact_bytes = 0;
  int64_t free_bytes = 0;
  // Removed before, and coming back by itself: counted as free already.
  int64_t trash_bytes = 0;
  // What packs left of layers, and how much of it went: before any artifact.
  int64_t kept_layer_bytes = 0;
  int64_t removed_kept_layer_bytes = 0;
  // As Judge() gives them. Of a real run the reason of one that somebody took
  // meanwhile is "HELD", and it was not removed.
  std::vector<Verdict> verdicts;
  int64_t removed_bytes = 0;
  int removed_count = 0;
  // Of artifacts that somebody holds, and of those that could go if they had
  // to; before the collection.
  int64_t held_bytes = 0;
  int64_t reclaimable_bytes = 0;
};

// Thread-safe; one collection at a time, and any number of dry runs.
class Collector {
 public:
  struct Deps {
    Index& index;
    Objects& objects;
    Leases& leases;
    const Clock& clock;
    // Hears of artifacts that go. May be null.
    ChangeFeed* changes = nullptr;
    // Null when no layers are kept.
    const KeptLayers* kept = nullptr;
  };
  // Sizes of the cache's file system; tests answer themselves.
  struct Disk {
    std::function<absl::StatusOr<int64_t>()> free_bytes;
    std::function<absl::StatusOr<int64_t>()> total_bytes;
  };
  Collector(const Deps& deps, CachePolicy policy, Disk disk);

  // Looks at every artifact, says what is to be done, and unless `dry_run` does
  // it. `more_free_bytes` are to be free beyond the policy's. Blocks for the
  // disk, but not for the unlinks, see Trash. CANCELLED between two of them.
  // Errors of the index.
  absl::StatusOr<Collection> Collect(bool dry_run, const CancelToken& cancel,
                                     int64_t more_free_bytes = 0);

  // Waits until the disk has what was removed before. CANCELLED.
  absl::Status WaitForRoom(const CancelToken& cancel) {
    return deps_.objects.trash().Drain(cancel);
  }

 private:
  absl::StatusOr<std::vector<CacheEntry>> Look();
  void CollectLayers(const CachePolicy& policy, Collection& collection);
  absl::StatusOr<WatchedTime> Watch(int64_t now_ms, bool dry_run);
  absl::StatusOr<Collection> Run(bool dry_run, const CancelToken& cancel,
                                 int64_t more_free_bytes);

  // Constant after construction.
  const Deps deps_;
  const CachePolicy policy_;
  const Disk disk_;

  Mutex mu_;
  CondVar ended_;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_COLLECTOR_H_
