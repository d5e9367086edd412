#include "jobs/job.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "fmt/format.h"

namespace bottled {

JobState EndState(const absl::Status& status) {
  if (status.ok()) {
    return JobState::kSucceeded;
  }
  if (status.code() == absl::StatusCode::kCancelled) {
    return JobState::kCancelled;
  }
  return HasReason(status, "INTERRUPTED") ? JobState::kInterrupted
                                          : JobState::kFailed;
}

bool IsTerminal(JobState state) {
  switch (state) {
    case JobState::kQueued:
    case JobState::kRunning:
    case JobState::kCancelling:
      return false;
    case JobState::kSucceeded:
    case JobState::kFailed:
    case JobState::kCancelled:
    case JobState::kInterrupted:
      return true;
  }
  return true;
}

Job::Job(std::string id, std::string source, std::string flight_key,
         const Clock& clock, int attempt, int64_t created_ms, int64_t last_seq)
    : clock_(clock),
      id_(std::move(id)),
      source_(std::move(source)),
      flight_key_(std::move(flight_key)),
      attempt_(attempt),
      events_(clock, last_seq),
      created_ms_(created_ms) {}

std::shared_ptr<Job> Job::Again(const JobRecord& row, const Clock& clock) {
  // How many events it had is not kept.
  std::shared_ptr<Job> job(new Job(row.id, row.source, row.flight, clock,
                                   row.attempt, row.created_ms,
                                   EventLog::BaseSeq(clock.NowMs())));
  {
    MutexLock lock(job->mu_);
    job->miss_ = row.miss;
    job->wish_ = row.wish;
  }
  job->events_.AddLine(
      fmt::format("the daemon restarted; attempt {}", row.attempt),
      /*warning=*/false);
  return job;
}

std::shared_ptr<Job> Job::FromPast(const JobSnapshot& past,
                                   const Clock& clock) {
  std::shared_ptr<Job> job(new Job(past.id, past.source, "", clock,
                                   past.attempt, past.created_ms,
                                   std::max<int64_t>(0, past.last_seq - 1)));
  {
    MutexLock lock(job->mu_);
    job->content_key_ = past.content_key;
    job->started_ms_ = past.started_ms;
    job->miss_ = past.miss;
  }
  job->Finish({.status = past.status, .artifact = past.artifact},
              past.finished_ms);
  {
    // The row knows the state better than the error's text does.
    MutexLock lock(job->mu_);
    job->state_ = past.state;
  }
  return job;
}

CancelToken Job::token() {
  MutexLock lock(mu_);
  if (IsTerminal(state_)) {
    return CancelToken();
  }
  if (!cancel_.has_value()) {
    cancel_.emplace();
    if (state_ == JobState::kCancelling) {
      cancel_->Cancel();
    }
  }
  return cancel_->token();
}

void Job::CancelLocked(const absl::Status& why) {
  interests_.clear();
  if (state_ != JobState::kQueued && state_ != JobState::kRunning) {
    return;
  }
  state_ = JobState::kCancelling;
  cancel_reason_ = why;
  if (cancel_.has_value()) {
    cancel_->Cancel();
  }
}

void Job::UpdateClass() {
  if (interests_.empty()) {
    return;
  }
  JobClass most_urgent = JobClass::kWarm;
  for (const auto& [id, interest] : interests_) {
    most_urgent = std::min(most_urgent, interest.job_class);
  }
  if (!announced_class_.has_value()) {
    announced_class_ = most_urgent;
  } else if (class_ == most_urgent) {
    return;
  }
  class_ = most_urgent;
  class_since_ = clock_.Steady();
}

bool Job::AddInterest(const std::string& interest_id, JobClass job_class,
                      const std::string& client) {
  MutexLock lock(mu_);
  if (state_ != JobState::kQueued && state_ != JobState::kRunning) {
    return false;
  }
  interests_.insert_or_assign(
      interest_id, Interest{.job_class = job_class, .client = client});
  UpdateClass();
  return true;
}

bool Job::RemoveInterest(const std::string& interest_id,
                         const absl::Status& why) {
  MutexLock lock(mu_);
  if (interests_.erase(interest_id) == 0) {
    return false;
  }
  UpdateClass();
  if (interests_.empty()) {
    CancelLocked(why);
  }
  return true;
}

bool Job::HasInterest(const std::string& interest_id) const {
  MutexLock lock(mu_);
  return interests_.contains(interest_id);
}

int Job::interest_count() const {
  MutexLock lock(mu_);
  return static_cast<int>(interests_.size());
}

JobClass Job::job_class() const {
  MutexLock lock(mu_);
  return class_;
}

std::chrono::steady_clock::time_point Job::class_since() const {
  MutexLock lock(mu_);
  return class_since_;
}

std::set<std::string> Job::Clients() const {
  std::set<std::string> clients;
  MutexLock lock(mu_);
  for (const auto& [id, interest] : interests_) {
    if (interest.job_class == class_) {
      clients.insert(interest.client);
    }
  }
  return clients;
}

bool Job::AddWish(JobWish wish) {
  MutexLock lock(mu_);
  if (wish <= wish_) {
    return false;
  }
  wish_ = wish;
  return true;
}

JobWish Job::wish() const {
  MutexLock lock(mu_);
  return wish_;
}

void Job::AnnounceClass() {
  {
    MutexLock lock(mu_);
    if (announced_class_ == class_ || IsTerminal(state_) ||
        !announced_class_.has_value()) {
      return;
    }
    announced_class_ = class_;
  }
  events_.AddLine(job_class() == JobClass::kInteractive
                      ? "promoted: somebody waits for it now"
                      : "lowered to a warm job: nobody waits for it any more",
                  /*warning=*/false);
}

double Job::ShareDone() const {
  return bottled::ShareDone(events_.stage(), events_.progress());
}

void Job::ForceCancel(const absl::Status& why) {
  MutexLock lock(mu_);
  CancelLocked(why);
}

int Job::CancelUnlessShared(const absl::Status& why) {
  MutexLock lock(mu_);
  if (interests_.size() > 1) {
    return static_cast<int>(interests_.size());
  }
  CancelLocked(why);
  return 0;
}

absl::Status Job::cancel_reason() const {
  MutexLock lock(mu_);
  return cancel_reason_;
}

bool Job::MarkRunning(int64_t now_ms) {
  MutexLock lock(mu_);
  if (state_ != JobState::kQueued) {
    return false;
  }
  state_ = JobState::kRunning;
  started_ms_ = now_ms;
  return true;
}

bool Job::AskToYield() {
  MutexLock lock(mu_);
  if (state_ != JobState::kRunning) {
    return false;
  }
  yielding_ = true;
  if (!cancel_.has_value()) {
    cancel_.emplace();
  }
  cancel_->Cancel();
  return true;
}

bool Job::Yield() {
  MutexLock lock(mu_);
  if (!std::exchange(yielding_, false) || state_ != JobState::kRunning) {
    return false;
  }
  state_ = JobState::kQueued;
  started_ms_ = 0;
  cancel_.reset();
  return true;
}

void Job::SetContentKey(const Digest& key) {
  MutexLock lock(mu_);
  content_key_ = key;
}

void Job::SetMiss(Miss miss) {
  MutexLock lock(mu_);
  miss_ = std::move(miss);
}

void Job::Finish(Finished finished, int64_t now_ms) {
  {
    MutexLock lock(mu_);
    if (IsTerminal(state_)) {
      return;
    }
    state_ = EndState(finished.status);
    finished_ms_ = now_ms;
    status_ = finished.status;
    artifact_ = finished.artifact;
    interests_.clear();
    cancel_.reset();
  }
  events_.Finish(std::move(finished));
}

JobState Job::state() const {
  MutexLock lock(mu_);
  return state_;
}

JobSnapshot Job::Snapshot() const {
  JobSnapshot snapshot;
  snapshot.id = id_;
  snapshot.source = source_;
  snapshot.attempt = attempt_;
  {
    MutexLock lock(mu_);
    snapshot.state = state_;
    snapshot.content_key = content_key_;
    snapshot.created_ms = created_ms_;
    snapshot.started_ms = started_ms_;
    snapshot.finished_ms = finished_ms_;
    snapshot.interest_count = static_cast<int>(interests_.size());
    snapshot.job_class = class_;
    snapshot.status = status_;
    snapshot.artifact = artifact_;
    snapshot.miss = miss_;
  }
  snapshot.stage = events_.stage();
  snapshot.last_seq = events_.last_seq();
  snapshot.progress = events_.progress();
  return snapshot;
}

void LogFailure(const Job& job, const char* what, const absl::Status& status) {
  if (!status.ok()) {
    Log("jobs")->warn("job {}: {}: {}", job.id(), what,
                      std::string(status.message()));
  }
}

}  // namespace bottled
