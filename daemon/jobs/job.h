// Job: one run that produces the artifact of one key, shared by everybody who
// wants it.
//
// States: queued → running → {succeeded, failed, cancelled}; queued or running
// → cancelling → cancelled, or → succeeded when the artifact was published
// before the work noticed. A running job that yields to a more urgent one is
// queued again. Interest: a job lives while at least one caller
// wants it. When the last interest goes, the token is cancelled; a cancelling
// job is never joined.

#ifndef BOTTLED_JOBS_JOB_H_
#define BOTTLED_JOBS_JOB_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "image/digest.h"
#include "jobs/event_log.h"
#include "jobs/job_class.h"
#include "store/records.h"

namespace bottled {

enum class JobState {
  kQueued,
  kRunning,
  kCancelling,
  kSucceeded,
  kFailed,
  kCancelled,
  kInterrupted,
};

// Terminal states never change.
bool IsTerminal(JobState state);
// The one that a job with this status ends in: code CANCELLED, reason
// INTERRUPTED, any other error, or OK.
JobState EndState(const absl::Status& status);

// A copy of a job's state at one moment.
struct JobSnapshot {
  std::string id;
  JobState state = JobState::kQueued;
  Stage stage = Stage::kNone;
  std::string source;
  Digest content_key;
  int64_t created_ms = 0;
  int64_t started_ms = 0;
  int64_t finished_ms = 0;
  int interest_count = 0;
  JobClass job_class = JobClass::kInteractive;
  int64_t last_seq = 0;
  Progress progress;
  absl::Status status;      // the error, in terminal states but kSucceeded
  ArtifactRecord artifact;  // in kSucceeded
  Miss miss;                // why it is made, once that is known
  int attempt = 1;          // as in JobRecord
};

// Thread-safe.
class Job {
 public:
  // `flight_key` is what single-flight compares: the content key, or the
  // identity of an archive whose content is not known yet. `attempt` is that of
  // JobRecord.
  Job(std::string id, std::string source, std::string flight_key,
      const Clock& clock, int attempt = 1)
      : Job(std::move(id), std::move(source), std::move(flight_key), clock,
            attempt, clock.NowMs(), /*last_seq=*/0) {}
  // One of an earlier run of the daemon that waits again. Its events have
  // greater numbers than those that it had then, so that a watch can be
  // resumed.
  static std::shared_ptr<Job> Again(const JobRecord& row, const Clock& clock);
  // A job of the past: in a terminal state, its log holds one event, the last.
  static std::shared_ptr<Job> FromPast(const JobSnapshot& past,
                                       const Clock& clock);

  const std::string& id() const { return id_; }
  const std::string& source() const { return source_; }
  const std::string& flight_key() const { return flight_key_; }
  int attempt() const { return attempt_; }
  EventLog& events() { return events_; }
  const EventLog& events() const { return events_; }
  // Of the work; never cancelled once the job has ended. Made on first use and
  // freed at the end, since each takes a file descriptor.
  CancelToken token();

  // Adds a caller; false when the job is cancelling or terminal.
  bool AddInterest(const std::string& interest_id,
                   JobClass job_class = JobClass::kInteractive,
                   const std::string& client = "");
  // Removes one. When it was the last one the job's token is cancelled, and
  // `why` is its error. False when there is no such interest.
  bool RemoveInterest(const std::string& interest_id,
                      const absl::Status& why = CancelledError());
  bool HasInterest(const std::string& interest_id) const;
  int interest_count() const;
  // The most urgent of the callers' classes; that of the last change when there
  // is no caller left.
  JobClass job_class() const;
  // Since when it has this class (steady clock).
  std::chrono::steady_clock::time_point class_since() const;
  // Who wants it with its class; see Scheduler::Request.
  std::set<std::string> Clients() const;
  // Notes that somebody has asked for it; true when that makes its wish a
  // greater one.
  bool AddWish(JobWish wish);
  JobWish wish() const;
  // Says in the job's log that its class has changed, if it has since the last
  // call. Apart from the change, since it wakes watchers.
  void AnnounceClass();
  // Cancels for everybody. `why` becomes the job's error, unless it was
  // cancelled before.
  void ForceCancel(const absl::Status& why);
  // Cancels unless more than one caller is interested, and returns their number
  // if so, else 0.
  int CancelUnlessShared(const absl::Status& why);
  // Why it is cancelling; OK when it is not.
  absl::Status cancel_reason() const;

  // How much of the work is done, from 0 to 1: a guess from stage and progress.
  double ShareDone() const;

  // The scheduler's transitions.
  bool MarkRunning(int64_t now_ms);  // false when cancelled while queued
  // Cancels the token of a running job so that it can be queued again. False
  // when it does not run.
  bool AskToYield();
  // After its work returned: queued again, with a fresh token. False when it
  // was not asked to, or is cancelling by now.
  bool Yield();
  void SetContentKey(const Digest& key);
  void SetMiss(Miss miss);
  // Ends the job in EndState(), drops all interest, emits Finished. Only the
  // first call counts.
  void Finish(Finished finished, int64_t now_ms);

  JobState state() const;
  JobSnapshot Snapshot() const;

 private:
  struct Interest {
    JobClass job_class;
    std::string client;
  };

  Job(std::string id, std::string source, std::string flight_key,
      const Clock& clock, int attempt, int64_t created_ms, int64_t last_seq);

  void CancelLocked(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // After a change of the interests.
  void UpdateClass() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Clock& clock_;
  const std::string id_;
  const std::string source_;
  const std::string flight_key_;
  const int attempt_;

  // Self-synchronised.
  EventLog events_;

  mutable Mutex mu_;
  JobState state_ ABSL_GUARDED_BY(mu_) = JobState::kQueued;
  Digest content_key_ ABSL_GUARDED_BY(mu_);
  int64_t created_ms_ ABSL_GUARDED_BY(mu_);
  int64_t started_ms_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t finished_ms_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, Interest> interests_ ABSL_GUARDED_BY(mu_);
  JobClass class_ ABSL_GUARDED_BY(mu_) = JobClass::kWarm;
  JobWish wish_ ABSL_GUARDED_BY(mu_) = JobWish::kWarm;
  std::optional<JobClass> announced_class_ ABSL_GUARDED_BY(mu_);
  std::chrono::steady_clock::time_point class_since_ ABSL_GUARDED_BY(mu_);
  bool yielding_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<CancelSource> cancel_ ABSL_GUARDED_BY(mu_);
  absl::Status cancel_reason_ ABSL_GUARDED_BY(mu_);
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  ArtifactRecord artifact_ ABSL_GUARDED_BY(mu_);
  Miss miss_ ABSL_GUARDED_BY(mu_);
};

// Logs what went wrong beside the job's work, which goes on: "what" as in
// "cannot note its key". Nothing for OK.
void LogFailure(const Job& job, const char* what, const absl::Status& status);

}  // namespace bottled

#endif  // BOTTLED_JOBS_JOB_H_
