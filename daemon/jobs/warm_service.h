// WarmService: makes artifacts before somebody asks for them, and keeps those
// of its targets up to date.
//
// A target's look is what PackService does for the same request, without
// counting as a use: a hit costs one inspect. Only a miss becomes a job, of
// class kWarm, unless the target's artifacts are never asked for (it is paused
// then) or the machine has better things to do (it waits). What causes looks is
// in warm_triggers.h and warm_table.h; one thread does all of them, one after
// the other.

#ifndef BOTTLED_JOBS_WARM_SERVICE_H_
#define BOTTLED_JOBS_WARM_SERVICE_H_

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "engine/engines.h"
#include "jobs/change_feed.h"
#include "jobs/prepare_service.h"
#include "jobs/scheduler.h"
#include "jobs/warm_guard.h"
#include "jobs/warm_table.h"
#include "jobs/watchers.h"
#include "store/index.h"

namespace bottled {

// A target at one moment.
struct WarmView {
  WarmTarget row;
  EngineEndpoint engine;
  WarmStatus status = WarmStatus::kPending;
  std::string waiting;  // of kWaiting
  int64_t next_ms = 0;  // of the next look by itself, UTC; 0 = none
  std::string job_id;   // of kWarming
  std::string blind;    // why changes are not seen at once; empty: they are
};

// What one request led to: an artifact, a job, an error, or nothing yet.
struct WarmResult {
  std::optional<ArtifactRecord> artifact;
  std::shared_ptr<Job> job;
  absl::Status failure;
  // Of one that is kept.
  std::optional<WarmView> target;
};

// Thread-safe.
class WarmService {
 public:
  struct Deps {
    PrepareService& prepares;
    Engines& engines;
    Scheduler& scheduler;
    Index& index;
    ChangeFeed& changes;
    const WarmGuard& guard;
    const Clock& clock;
  };
  struct Options {
    WarmTimes times;
    TriggerTimes triggers;
    // What an artifact is taken to need when nothing is known of it.
    int64_t unknown_bytes = int64_t{1} << 30;
  };

  WarmService(const Deps& deps, const Options& options);
  // Stop().
  ~WarmService();

  // Reads the targets and begins to look at them. Errors of the index.
  absl::Status Start();
  // Ends the looks and the watching; jobs go on. Idempotent; blocks for it.
  void Stop();

  // Makes it now or, with `keep`, from now on; that is an error only when it
  // cannot be kept at all: BAD_WARM_TARGET, TOO_MANY_WARM_TARGETS, errors of
  // the index. Blocks for the look. The request's own errors are in the result,
  // as is WARM_REFUSED for one that is not kept.
  absl::StatusOr<WarmResult> Warm(PrepareSpec spec, bool keep,
                                  const CancelToken& cancel);

  // The oldest first.
  std::vector<WarmView> List();
  // By ID or name. Reasons WARM_TARGET_NOT_FOUND, WARM_TARGET_AMBIGUOUS and
  // errors of the index. Remove() withdraws from the target's job.
  absl::StatusOr<WarmView> Remove(const std::string& name);
  absl::StatusOr<WarmView> Resume(const std::string& name);

 private:
  // What a look found, to be taken over into the entry.
  struct Look {
    absl::StatusOr<PackAnswer> answer = PackAnswer();
    std::string waiting;
    bool pause = false;
    // The last artifact was asked for, or this one was.
    bool used = false;
    std::map<std::string, std::function<absl::StatusOr<WatchedTree>()>> trees;
  };

  void Run();
  // Waits until an entry is due, and makes it busy; empty when stopping.
  std::optional<WarmTarget> WaitForDue(PrepareSpec& spec);
  Look LookAt(const WarmTarget& row, const PrepareSpec& spec,
              const CancelToken& cancel);
  void TakeOver(const std::string& id, Look look);
  void Fail(WarmEntry& entry, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // True when there are jobs that have not ended.
  bool TakeEndedJobs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndJob(WarmEntry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Store(WarmEntry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  WarmView View(const WarmEntry& entry) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Watches what the targets need. Only of the thread.
  void UpdateWatchers();
  Watchers::Loop EngineLoop(const EngineEndpoint& engine);
  Watchers::Loop TreeLoop(const std::string& id, const std::string& key,
                          std::function<absl::StatusOr<WatchedTree>()> make);
  void Wake();
  WarmTable::Time Now() const { return deps_.clock.Steady(); }

  // Constant after construction.
  const Deps deps_;
  const Options options_;

  // Self-synchronised.
  CancelSource stop_;

  Mutex mu_;
  WarmTable table_ ABSL_GUARDED_BY(mu_);

  // Apart, because the feed wakes from under other locks.
  Mutex wake_mu_;
  CondVar woken_;
  bool news_ ABSL_GUARDED_BY(wake_mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(wake_mu_) = false;

  // Of Start() and Stop().
  std::optional<int64_t> subscription_;
  std::thread thread_;

  // Last, so that their threads end first.
  Watchers watchers_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_WARM_SERVICE_H_
