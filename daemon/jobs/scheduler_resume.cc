// The part of the scheduler that goes on with jobs of an earlier run of the
// daemon.

#include <utility>

#include "jobs/scheduler.h"

namespace bottled {

void Scheduler::Resume(const JobRecord& row, Work work) {
  const std::shared_ptr<Job> job = Job::Again(row, clock_);
  const bool watched = row.wish == JobWish::kWatched;
  const std::string interest = NewInterestId();
  {
    MutexLock lock(mu_);
    job->AddInterest(interest,
                     watched ? JobClass::kWarm : JobClass::kInteractive);
    Register(job);
    resumed_[job->id()] = watched ? interest : "";
    if (watched) {
      ties_.emplace(interest,
                    Tie{.job = job,
                        .expires = clock_.Steady() + options_.resume_timeout,
                        .unclaimed = true});
    }
  }
  LogFailure(*job, "cannot note that it goes on",
             index_.TakeUpJob(job->id(), options_.boot_id));
  if (const absl::Status end = Enqueue(job, work); !end.ok()) {
    work = nullptr;
    EndJob(job, end);
  }
}

void Scheduler::AttachWatch(const std::string& job_id,
                            const std::string& interest_id) {
  std::shared_ptr<Job> job;
  {
    MutexLock lock(mu_);
    const auto tie = ties_.find(interest_id);
    if (tie != ties_.end() && tie->second.job->id() == job_id) {
      ++tie->second.watches;
      tie->second.vanished = false;
      return;
    }
    const auto found = jobs_.find(job_id);
    if (found == jobs_.end() || !Claim(found->second, interest_id)) {
      return;
    }
    job = found->second;
    changed_.NotifyAll();
  }
  job->AnnounceClass();
}

bool Scheduler::Claim(const std::shared_ptr<Job>& job,
                      const std::string& interest_id) {
  const auto resumed = resumed_.find(job->id());
  // Who only looks on has no interest.
  if (resumed == resumed_.end() || interest_id.empty() ||
      job->HasInterest(interest_id) || !job->AddInterest(interest_id)) {
    return false;
  }
  ties_.emplace(interest_id, Tie{.job = job, .watches = 1});
  DropUnclaimed(job);
  return true;
}

void Scheduler::DropUnclaimed(const std::shared_ptr<Job>& job) {
  const auto resumed = resumed_.find(job->id());
  if (resumed == resumed_.end() || resumed->second.empty()) {
    return;
  }
  // Not the last one: the job goes on.
  ties_.erase(resumed->second);
  job->RemoveInterest(resumed->second);
  resumed->second.clear();
}

}  // namespace bottled
