#include "jobs/scheduler.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "jobs/errors.h"
#include "jobs/history.h"

namespace bottled {
namespace {

constexpr size_t kJobIdBytes = 8;
constexpr size_t kInterestIdBytes = 16;

}  // namespace

Scheduler::Scheduler(Options options, Index& index, const Clock& clock)
    : options_(std::move(options)), index_(index), clock_(clock) {
  MutexLock lock(stop_mu_);
  for (int i = 0; i < std::max(1, options_.max_running); ++i) {
    workers_.emplace_back([this] { RunWorker(); });
  }
  reaper_ = std::thread([this] { RunReaper(); });
}

Scheduler::~Scheduler() { Stop(std::chrono::milliseconds(0)); }

absl::Status Scheduler::JoinOrAdd(const Request& request,
                                  Submission& submission) {
  submission.interest_id = RandomHex(kInterestIdBytes);
  MutexLock lock(mu_);
  if (stopping_) {
    return ShuttingDown();
  }
  const auto flight = flights_.find(request.flight_key);
  if (flight != flights_.end() &&
      flight->second->AddInterest(submission.interest_id, request.job_class)) {
    submission.job = flight->second;
    submission.joined = true;
  } else {
    if (waiting_ >= options_.max_queued) {
      return TooManyJobs(options_.max_queued);
    }
    submission.job = std::make_shared<Job>(
        RandomHex(kJobIdBytes), request.source, request.flight_key, clock_);
    submission.job->SetContentKey(request.key);
    submission.job->AddInterest(submission.interest_id, request.job_class);
    flights_[request.flight_key] = submission.job;
    jobs_.emplace(submission.job->id(), submission.job);
    order_.push_back(submission.job->id());
    ++waiting_;
    ++active_;
  }
  if (request.tied) {
    AddTie(submission);
  }
  return absl::OkStatus();
}

void Scheduler::AddTie(const Submission& submission) {
  ties_.emplace(submission.interest_id,
                Tie{.job = submission.job,
                    .watches = 0,
                    .expires = clock_.Steady() + options_.attach_timeout});
  changed_.NotifyAll();
}

absl::Status Scheduler::Enqueue(const std::shared_ptr<Job>& job, Work& work) {
  MutexLock lock(mu_);
  if (stopping_) {
    --waiting_;
    return JobCutShort();
  }
  // Whoever cancels after this finds it in the queue.
  const absl::Status cancelled = job->cancel_reason();
  if (!cancelled.ok()) {
    --waiting_;
    return cancelled;
  }
  queue_.push_back({.job = job, .work = std::move(work)});
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::StatusOr<Scheduler::Submission> Scheduler::Submit(
    const Request& request, absl::AnyInvocable<Work()> make_work) {
  Submission submission;
  if (const absl::Status status = JoinOrAdd(request, submission);
      !status.ok()) {
    return status;
  }
  if (submission.joined) {
    return submission;
  }
  // Without the lock, because the disk may be slow. The row has no key until
  // the job runs: an older job of the same key may still be stopping, and the
  // index allows one of them.
  const absl::Status inserted =
      index_.InsertJob({.id = submission.job->id(),
                        .state = JobRowState::kQueued,
                        .source = request.source,
                        .content_key = Digest(),
                        .created_ms = submission.job->Snapshot().created_ms,
                        .started_ms = 0,
                        .finished_ms = 0,
                        .artifact = Digest(),
                        .failure_json = "",
                        .boot_id = options_.boot_id});
  if (!inserted.ok()) {
    {
      MutexLock lock(mu_);
      --waiting_;
    }
    EndJob(submission.job, inserted);
    return inserted;
  }
  Tell(options_.changes, ChangeKind::kJob, submission.job->id());
  Work work = make_work();
  if (const absl::Status end = Enqueue(submission.job, work); !end.ok()) {
    work = nullptr;
    EndJob(submission.job, end);
  }
  return submission;
}

std::shared_ptr<Job> Scheduler::Find(const std::string& job_id) const {
  MutexLock lock(mu_);
  const auto it = jobs_.find(job_id);
  return it == jobs_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<Job>> Scheduler::List() const {
  std::vector<std::shared_ptr<Job>> jobs;
  MutexLock lock(mu_);
  jobs.reserve(order_.size());
  for (auto id = order_.rbegin(); id != order_.rend(); ++id) {
    jobs.push_back(jobs_.at(*id));
  }
  return jobs;
}

int Scheduler::active_count() const {
  MutexLock lock(mu_);
  return active_;
}

void Scheduler::AttachWatch(const std::string& job_id,
                            const std::string& interest_id) {
  MutexLock lock(mu_);
  const auto tie = ties_.find(interest_id);
  if (tie != ties_.end() && tie->second.job->id() == job_id) {
    ++tie->second.watches;
  }
}

void Scheduler::DetachWatch(const std::string& job_id,
                            const std::string& interest_id) {
  std::shared_ptr<Job> job;
  {
    MutexLock lock(mu_);
    const auto tie = ties_.find(interest_id);
    if (tie == ties_.end() || tie->second.job->id() != job_id ||
        tie->second.watches == 0) {
      return;
    }
    --tie->second.watches;
    if (tie->second.watches > 0) {
      return;
    }
    job = tie->second.job;
    ties_.erase(tie);
  }
  Leave(job, interest_id);
}

bool Scheduler::Leave(const std::shared_ptr<Job>& job,
                      const std::string& interest_id) {
  const bool left = job->RemoveInterest(interest_id);
  DropIfQueued(job);
  return left;
}

void Scheduler::DropIfQueued(const std::shared_ptr<Job>& job) {
  if (job->state() != JobState::kCancelling) {
    return;
  }
  Queued dropped;
  {
    MutexLock lock(mu_);
    const auto it =
        std::find_if(queue_.begin(), queue_.end(),
                     [&job](const Queued& entry) { return entry.job == job; });
    if (it != queue_.end()) {
      dropped = std::move(*it);
      queue_.erase(it);
      --waiting_;
    }
  }
  if (dropped.job == nullptr) {
    // It runs on until its work notices.
    Tell(options_.changes, ChangeKind::kJob, job->id());
    return;
  }
  dropped.work = nullptr;
  EndJob(job, job->cancel_reason());
}

absl::StatusOr<std::shared_ptr<Job>> Scheduler::Cancel(
    const std::string& job_id, const std::string& interest_id, bool force) {
  std::shared_ptr<Job> job = Find(job_id);
  if (job == nullptr) {
    return FindPastJob(job_id, index_, clock_);
  }
  if (IsTerminal(job->state())) {
    return job;
  }
  if (force) {
    job->ForceCancel(JobCancelledByForce());
  } else if (interest_id.empty()) {
    const int callers = job->CancelUnlessShared(CancelledError());
    if (callers > 0) {
      return JobShared(job_id, callers);
    }
  } else {
    {
      MutexLock lock(mu_);
      const auto tie = ties_.find(interest_id);
      if (tie != ties_.end() && tie->second.job == job) {
        ties_.erase(tie);
      }
    }
    const bool left = job->RemoveInterest(interest_id);
    const JobState state = job->state();
    if (!left && (state == JobState::kQueued || state == JobState::kRunning)) {
      return InterestNotFound(job_id);
    }
  }
  DropIfQueued(job);
  return job;
}

std::vector<Scheduler::Interest> Scheduler::TakeExpired() {
  std::vector<Interest> expired;
  // However far the clock is set, look again soon: tests turn it.
  constexpr std::chrono::milliseconds kLongest(1000);
  std::chrono::steady_clock::duration wait = kLongest;
  bool pending = false;
  const auto now = clock_.Steady();
  for (auto it = ties_.begin(); it != ties_.end();) {
    const Tie& tie = it->second;
    if (tie.watches == 0 && tie.expires <= now) {
      expired.emplace_back(tie.job, it->first);
      it = ties_.erase(it);
      continue;
    }
    if (tie.watches == 0) {
      pending = true;
      wait = std::min(wait, tie.expires - now);
    }
    ++it;
  }
  if (expired.empty()) {
    if (pending) {
      changed_.WaitFor(mu_, wait);
    } else {
      changed_.Wait(mu_);
    }
  }
  return expired;
}

void Scheduler::RunReaper() {
  while (true) {
    std::vector<Interest> expired;
    {
      MutexLock lock(mu_);
      if (stopping_) {
        return;
      }
      expired = TakeExpired();
    }
    for (const auto& [job, interest_id] : expired) {
      Leave(job, interest_id);
    }
  }
}

}  // namespace bottled
