// The part of the scheduler that knows who wants a job, and what time changes.

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "jobs/errors.h"
#include "jobs/history.h"
#include "jobs/scheduler.h"

namespace bottled {
namespace {

// A job that nobody waits for any more is finished when more than this is done.
constexpr double kWorthFinishing = 0.8;

}  // namespace

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
    if (job->interest_count() == 1) {
      // It may come back: a new watch of the same interest is welcome.
      tie->second.expires = clock_.Steady() + options_.leave_grace;
      tie->second.vanished = true;
      changed_.NotifyAll();
      return;
    }
    ties_.erase(tie);
  }
  Leave(job, interest_id);
}

bool Scheduler::Leave(const std::shared_ptr<Job>& job,
                      const std::string& interest_id, const absl::Status& why) {
  const bool left = job->RemoveInterest(interest_id, why);
  job->AnnounceClass();
  DropIfQueued(job);
  return left;
}

void Scheduler::DropIfQueued(const std::shared_ptr<Job>& job) {
  if (job->state() != JobState::kCancelling) {
    return;
  }
  std::optional<Queued> dropped;
  {
    MutexLock lock(mu_);
    dropped = queue_.Remove(*job);
  }
  if (!dropped.has_value()) {
    // It runs on until its work notices; a restart shall not begin it anew.
    LogFailure(*job, "cannot note that it is cancelled",
               index_.ForgetRepeat(job->id()));
    Tell(options_.changes, ChangeKind::kJob, job->id());
    return;
  }
  dropped->work = nullptr;
  EndJob(job, job->cancel_reason());
}

absl::StatusOr<std::shared_ptr<Job>> Scheduler::Cancel(
    const std::string& job_id, const std::string& interest_id, bool force) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Job> job,
                   FindAnyJob(job_id, *this, index_, clock_));
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
    job->AnnounceClass();
  }
  DropIfQueued(job);
  return job;
}

std::vector<Scheduler::Expired> Scheduler::TakeExpired() {
  std::vector<Expired> expired;
  const auto now = clock_.Steady();
  for (auto it = ties_.begin(); it != ties_.end();) {
    const Tie& tie = it->second;
    if (tie.watches > 0 || tie.expires > now) {
      ++it;
      continue;
    }
    if ((tie.vanished || tie.unclaimed) && tie.job->interest_count() == 1 &&
        tie.job->state() == JobState::kRunning &&
        tie.job->ShareDone() > kWorthFinishing) {
      // The interest stays, as if it had never been tied.
      Log("jobs")->info("job {} is nearly done and goes on without a caller",
                        tie.job->id());
    } else {
      expired.push_back(
          {.job = tie.job,
           .interest_id = it->first,
           .why = tie.unclaimed ? NobodyCameBack() : CancelledError()});
    }
    it = ties_.erase(it);
  }
  return expired;
}

void Scheduler::WaitForTime() {
  // However far the clock is set, look again soon: tests turn it.
  constexpr std::chrono::milliseconds kLongest(100);
  const auto now = clock_.Steady();
  std::optional<std::chrono::steady_clock::time_point> next =
      queue_.LookAgain(now);
  for (const auto& [id, tie] : ties_) {
    if (tie.watches == 0) {
      next = next.has_value() ? std::min(*next, tie.expires) : tie.expires;
    }
  }
  if (!next.has_value()) {
    changed_.Wait(mu_);
  } else if (*next > now) {
    changed_.WaitFor(mu_, std::min<std::chrono::steady_clock::duration>(
                              kLongest, *next - now));
  }
}

void Scheduler::RunTimer() {
  while (true) {
    std::vector<Expired> expired;
    std::vector<std::shared_ptr<Job>> victims;
    {
      MutexLock lock(mu_);
      if (stopping_) {
        return;
      }
      expired = TakeExpired();
      victims = queue_.Victims(clock_.Steady());
      if (expired.empty() && victims.empty()) {
        WaitForTime();
      }
    }
    for (const auto& [job, interest_id, why] : expired) {
      Leave(job, interest_id, why);
    }
    for (const std::shared_ptr<Job>& job : victims) {
      if (job->AskToYield()) {
        job->events().AddLine(
            "preempted: somebody waits; it starts again when a slot is free",
            /*warning=*/false);
      }
    }
  }
}

}  // namespace bottled
