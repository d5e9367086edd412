// Scheduler: runs jobs on a few worker threads, in the order of run_queue.h,
// one job per flight key at a time, and remembers finished ones for a while.
//
// Joining and interest: Submit() joins a job of the same flight key that is
// queued or running, else queues a new one. A job that is cancelling is not
// joined; the new one waits until it is gone. The last interest that is
// withdrawn stops a running job within the time that its blocking calls take to
// notice their token, and drops a queued one at once. A caller who only
// vanished has 15 seconds to come back; a job that is nearly done by then is
// finished.
//
// A job that failed is asked again for five seconds before it runs again, so
// that a client that retries without a pause costs nothing. What the daemon
// died of twice is not run again by itself at all.
//
// Restarts: a job that an earlier run of the daemon left is resumed under its
// ID. Nobody knows then who of its callers are left, so whoever watches it is
// one, as a caller of now. If all of them watched, they have a minute to come
// back, in which it runs as a warm job.

#ifndef BOTTLED_JOBS_SCHEDULER_H_
#define BOTTLED_JOBS_SCHEDULER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "jobs/change_feed.h"
#include "jobs/job.h"
#include "jobs/job_class.h"
#include "jobs/run_queue.h"
#include "store/index.h"

namespace bottled {

// Thread-safe.
class Scheduler {
 public:
  // Does the work in a worker thread. Returns the published artifact. It must
  // honour job.token() in every blocking call, and may have ended the job's row
  // in the index already (Index::InsertArtifact). An exception ends the job as
  // INTERNAL. It is destroyed before anybody hears of the job's end. That of a
  // warm job is called again when the job had to yield.
  using Work = RunQueue::Work;

  struct Options {
    int max_running = 2;
    int max_queued = 1000;
    // Interactive ones that one client waits for.
    int max_queued_per_client = 64;
    int max_remembered = 1000;
    // How long an interest tied to a watch may stay without one.
    std::chrono::milliseconds attach_timeout{30'000};
    // How long the last of them stays when its watch ended.
    std::chrono::milliseconds leave_grace{15'000};
    // How long a failure is the answer to the same question.
    std::chrono::milliseconds failure_window{5'000};
    // How long a resumed job waits for those who watched it.
    std::chrono::milliseconds resume_timeout{60'000};
    std::string boot_id;
    // Hears of every job that is made and of every change of a job's state. May
    // be null; outlives the scheduler.
    ChangeFeed* changes = nullptr;
  };

  Scheduler(Options options, Index& index, const Clock& clock);
  // Stop(0) if it was not stopped.
  ~Scheduler();

  // What a caller wants.
  struct Request {
    // What single-flight compares: see Job.
    std::string flight_key;
    // The content key; empty when it is not known yet.
    Digest key;
    std::string source;  // for a person
    // The interest ends with the watch that names it (see leave_grace), or
    // after attach_timeout without one.
    bool tied = false;
    // Run even if the same thing failed just now.
    bool fresh = false;
    JobClass job_class = JobClass::kInteractive;
    // Who asks, for fairness: any text that is the same for one client. Empty:
    // nobody in particular.
    std::string client;
    // How to ask for the same again: JobRecord::spec.
    std::string spec = {};
    // Not empty: Submit() notes it with the job. The same one again is the same
    // caller, and has the same interest.
    std::string request_key = {};
  };
  struct Submission {
    std::shared_ptr<Job> job;
    std::string interest_id;
    bool joined = false;
    // The job has failed already, just now.
    bool remembered = false;
  };
  // `make_work` is only called for a new job, without a lock. Blocks for one
  // write to the index, whose error it returns: a job without a row could not
  // publish. RESOURCE_EXHAUSTED, reasons TOO_MANY_JOBS when the queue is full
  // and TOO_MANY_JOBS_OF_CLIENT; POISON, unless it is fresh; UNAVAILABLE,
  // reason SHUTTING_DOWN, after Stop() began.
  absl::StatusOr<Submission> Submit(const Request& request,
                                    absl::AnyInvocable<Work()> make_work);

  // Joins a job by its ID. Only class, client, name and `tied` of the request
  // count. Nothing when it has ended, is stopping, or is not known. Blocks as
  // above.
  std::optional<Submission> Join(const std::string& job_id,
                                 const Request& request);

  // Queues the job of a row that waits again (Recover()). To be called before
  // anybody else can, the oldest first. Blocks for one write to the index.
  void Resume(const JobRecord& row, Work work);

  // Whether Submit() would join a job rather than make one, as things are now.
  bool WouldJoin(const std::string& flight_key) const;

  // A live or remembered job; nullptr when unknown (then the index may know).
  std::shared_ptr<Job> Find(const std::string& job_id) const;
  // Live and remembered jobs, newest first.
  std::vector<std::shared_ptr<Job>> List() const;
  int active_count() const;

  // A watch with this interest began or ended. When its last one ended the
  // interest is withdrawn, at once if others want the job, else after
  // leave_grace unless the job is more than 80 % done. Of a resumed job an
  // unknown interest becomes a new one.
  void AttachWatch(const std::string& job_id, const std::string& interest_id);
  void DetachWatch(const std::string& job_id, const std::string& interest_id);

  // Withdraws one interest, or with `force` stops the job for everybody.
  // Reasons JOB_NOT_FOUND, INTEREST_NOT_FOUND, JOB_SHARED (no interest given
  // and more than one caller: says how many, and that force is needed). A
  // terminal job, one of the past too, is left as it is, without an error.
  absl::StatusOr<std::shared_ptr<Job>> Cancel(const std::string& job_id,
                                              const std::string& interest_id,
                                              bool force);

  // Refuses new jobs, cancels queued ones, gives running ones `grace` to end,
  // then cancels them (they end as cancelled, reason SHUTTING_DOWN) and joins
  // the workers. Idempotent; blocks until all is over.
  void Stop(std::chrono::milliseconds grace);

 private:
  using Queued = RunQueue::Entry;
  // An interest tied to a watch: attached watches, or the moment it expires.
  struct Tie {
    std::shared_ptr<Job> job;
    int watches = 0;
    std::chrono::steady_clock::time_point expires;
    // It had a watch.
    bool vanished = false;
    // It stands for those who watched the job before a restart.
    bool unclaimed = false;
  };
  struct Expired {
    std::shared_ptr<Job> job;
    std::string interest_id;
    absl::Status why;
  };
  struct Failure {
    std::chrono::steady_clock::time_point at;
    std::shared_ptr<Job> job;
  };

  void RunWorker();
  void RunJob(Queued next);
  // Queues a job again that was asked to yield. False when it was not, or must
  // end now.
  bool Requeue(Queued& entry);
  // Deals with what time alone changes.
  void RunTimer();

  // Joins a flight or registers a new one; `submission` tells which. The daemon
  // has died `crashes` times of this flight.
  absl::Status JoinOrAdd(const Request& request, int crashes,
                         Submission& submission);
  // False when the job is stopping or has ended.
  bool JoinLocked(const Request& request, const std::shared_ptr<Job>& job,
                  Submission& submission) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status InsertRow(const Request& request, const Job& job);
  // A caller has joined: its class may count, and its wish is noted.
  void NoteJoined(const Request& request, const Submission& submission);
  // Writes who has asked for a job, if that is more than its row says.
  void NoteWish(const Job& job);
  // RESOURCE_EXHAUSTED when no more may wait.
  absl::Status CheckRoom(const Request& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The job that failed just now of this flight, or nullptr.
  std::shared_ptr<Job> RecentFailure(const std::string& flight_key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static std::string NewInterestId();
  // The interest in a job that a request has.
  static std::string InterestOf(const Request& request, const Job& job);
  // A new job that Enqueue() or EndJob() is to come for.
  void Register(const std::shared_ptr<Job>& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ties the interest to a watch, or no longer, as the request wants.
  void SetTie(const Request& request, const Submission& submission)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Queues a new job, or says why it must end at once instead.
  absl::Status Enqueue(const std::shared_ptr<Job>& job, Work& work);
  // Interests whose time is over.
  std::vector<Expired> TakeExpired() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Until time may have changed something, or somebody has.
  void WaitForTime() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Withdraws an interest. False when the job has no such interest.
  bool Leave(const std::shared_ptr<Job>& job, const std::string& interest_id,
             const absl::Status& why = CancelledError());
  // Makes an unknown interest one of a resumed job. True when the job's class
  // may have changed.
  bool Claim(const std::shared_ptr<Job>& job, const std::string& interest_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whoever watched a resumed job is back.
  void DropUnclaimed(const std::shared_ptr<Job>& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends a cancelled job that no worker has taken.
  void DropIfQueued(const std::shared_ptr<Job>& job);

  // Row, event, bookkeeping, in this order. Once per job.
  void EndJob(const std::shared_ptr<Job>& job,
              absl::StatusOr<ArtifactRecord> result);
  void EndRow(const Job& job, const Finished& finished);
  void Forget(const std::shared_ptr<Job>& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Options options_;
  Index& index_;
  const Clock& clock_;

  mutable Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  RunQueue queue_ ABSL_GUARDED_BY(mu_);
  // Jobs on their way into the queue.
  std::set<std::shared_ptr<Job>> arriving_ ABSL_GUARDED_BY(mu_);
  // Jobs that have not ended.
  int active_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t ended_ ABSL_GUARDED_BY(mu_) = 0;
  // flight key → the job that may be joined.
  std::map<std::string, std::shared_ptr<Job>> flights_ ABSL_GUARDED_BY(mu_);
  // flight key → when it failed, and the job.
  std::map<std::string, Failure> failures_ ABSL_GUARDED_BY(mu_);
  // By ID: live and remembered ones.
  std::map<std::string, std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mu_);
  // IDs in the order of submission.
  std::deque<std::string> order_ ABSL_GUARDED_BY(mu_);
  // IDs in the order of their end: the remembered ones.
  std::deque<std::string> ended_order_ ABSL_GUARDED_BY(mu_);
  // By interest ID.
  std::map<std::string, Tie> ties_ ABSL_GUARDED_BY(mu_);
  // Live jobs that were resumed → the interest that stands for those who
  // watched them; empty once one of them is back.
  std::map<std::string, std::string> resumed_ ABSL_GUARDED_BY(mu_);

  // Held by Stop().
  Mutex stop_mu_;
  std::vector<std::thread> workers_ ABSL_GUARDED_BY(stop_mu_);
  std::thread timer_ ABSL_GUARDED_BY(stop_mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_SCHEDULER_H_
