// The part of the scheduler that runs and ends jobs.

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "jobs/errors.h"
#include "jobs/scheduler.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

// Lines that travel with an error (proto Failure.log_tail).
constexpr size_t kLogTailLines = 20;
// How often old rows are trimmed, counted in jobs.
constexpr int64_t kTrimEvery = 100;

// The boundary that no exception passes: a job that ran out of memory must not
// end the daemon.
absl::StatusOr<ArtifactRecord> Invoke(Scheduler::Work& work, Job& job) {
  try {
    return work(job);
  } catch (const std::exception& e) {
    return WorkThrew(e.what());
  } catch (...) {
    return WorkThrew("an exception of an unknown type");
  }
}

absl::Status WithJobDetail(const Job& job, const absl::Status& status) {
  ErrorDetail detail = GetErrorDetail(status);
  detail.stage = StageName(job.events().stage());
  detail.log_tail = job.events().LogTail(kLogTailLines);
  return WithDetail(status, detail);
}

Finished ToFinished(const Job& job, absl::StatusOr<ArtifactRecord> result) {
  if (result.ok()) {
    return {.status = absl::OkStatus(), .artifact = *std::move(result)};
  }
  // Work that is cut off may fail in many ways; what counts is why it was.
  const absl::Status cancelled = job.cancel_reason();
  return {.status =
              WithJobDetail(job, cancelled.ok() ? result.status() : cancelled),
          .artifact = {}};
}

JobRowState RowStateFor(const absl::Status& status) {
  switch (EndState(status)) {
    case JobState::kSucceeded:
      return JobRowState::kSucceeded;
    case JobState::kCancelled:
      return JobRowState::kCancelled;
    case JobState::kInterrupted:
      return JobRowState::kInterrupted;
    default:
      return JobRowState::kFailed;
  }
}

}  // namespace

void Scheduler::RunWorker() {
  while (true) {
    std::optional<Queued> next;
    {
      MutexLock lock(mu_);
      while (!stopping_ &&
             !(next = queue_.Start(clock_.Steady())).has_value()) {
        changed_.Wait(mu_);
      }
      if (!next.has_value()) {
        return;
      }
    }
    RunJob(*std::move(next));
  }
}

void Scheduler::RunJob(Queued next) {
  Job& job = *next.job;
  const int64_t now_ms = clock_.NowMs();
  const bool runs = job.MarkRunning(now_ms);
  if (runs) {
    Tell(options_.changes, ChangeKind::kJob, job.id());
    LogFailure(job, "cannot note its start",
               index_.MarkRunning(job.id(), now_ms));
    if (const Digest key = job.Snapshot().content_key; !key.empty()) {
      LogFailure(job, "cannot note its key", index_.SetJobKey(job.id(), key));
    }
  }
  absl::StatusOr<ArtifactRecord> result =
      runs ? Invoke(next.work, job) : job.cancel_reason();
  if (!result.ok() && Requeue(next)) {
    return;
  }
  next.work = nullptr;
  EndJob(next.job, std::move(result));
  bool trim = false;
  {
    MutexLock lock(mu_);
    queue_.End(job);
    trim = ended_++ % kTrimEvery == 0;
    changed_.NotifyAll();
  }
  if (trim) {
    LogFailure(job, "cannot trim old jobs", index_.TrimJobs(clock_.NowMs()));
  }
}

bool Scheduler::Requeue(Queued& entry) {
  // Once it is in the queue it may end before we are done here.
  const std::shared_ptr<Job> kept = entry.job;
  Job& job = *kept;
  if (!job.Yield()) {
    return false;
  }
  LogFailure(job, "cannot note that it waits", index_.MarkQueued(job.id()));
  {
    MutexLock lock(mu_);
    // Whoever cancels after this finds it in the queue.
    if (stopping_) {
      job.ForceCancel(JobCutShort());
    }
    if (!job.cancel_reason().ok()) {
      return false;
    }
    queue_.Yield(std::move(entry), clock_.Steady());
    changed_.NotifyAll();
  }
  Tell(options_.changes, ChangeKind::kJob, job.id());
  return true;
}

void Scheduler::EndJob(const std::shared_ptr<Job>& job,
                       absl::StatusOr<ArtifactRecord> result) {
  Finished finished = ToFinished(*job, std::move(result));
  if (!finished.status.ok()) {
    Log("jobs")->info("job {} ({}) ended: {}: {}", job->id(), job->source(),
                      GetErrorDetail(finished.status).reason,
                      std::string(finished.status.message()));
  }
  EndRow(*job, finished);
  job->Finish(std::move(finished), clock_.NowMs());
  Tell(options_.changes, ChangeKind::kJob, job->id());
  MutexLock lock(mu_);
  Forget(job);
  --active_;
  changed_.NotifyAll();
}

void Scheduler::EndRow(const Job& job, const Finished& finished) {
  const JobRowState state = RowStateFor(finished.status);
  if (job.attempt() > 1 &&
      (state == JobRowState::kSucceeded || state == JobRowState::kFailed)) {
    LogFailure(job, "cannot note that it came to an end",
               index_.ForgetCrashes(job.flight_key()));
  }
  const absl::StatusOr<std::optional<JobRecord>> row = index_.FindJob(job.id());
  // Publication ends the row itself; a job whose insertion failed has none.
  if (row.ok() && (!row->has_value() || (*row)->finished_ms != 0)) {
    return;
  }
  LogFailure(job, "cannot note its end",
             index_.FinishJob(
                 job.id(), state, finished.artifact.digest,
                 finished.status.ok() ? "" : EncodeFailure(finished.status),
                 clock_.NowMs()));
}

void Scheduler::Forget(const std::shared_ptr<Job>& job) {
  const auto flight = flights_.find(job->flight_key());
  if (flight != flights_.end() && flight->second == job) {
    flights_.erase(flight);
  }
  if (job->state() == JobState::kFailed) {
    // Who repairs something and asks again at once is no storm: the first
    // failure is only noted, the second one is remembered.
    const auto now = clock_.Steady();
    const auto [it, first] =
        failures_.try_emplace(job->flight_key(), Failure{.at = now});
    if (!first) {
      const bool soon = now - it->second.at < options_.failure_window;
      it->second = {.at = now, .job = soon ? job : nullptr};
    }
  }
  resumed_.erase(job->id());
  std::erase_if(ties_,
                [&job](const auto& tie) { return tie.second.job == job; });
  ended_order_.push_back(job->id());
  while (static_cast<int>(ended_order_.size()) > options_.max_remembered) {
    const std::string& oldest = ended_order_.front();
    jobs_.erase(oldest);
    order_.erase(std::find(order_.begin(), order_.end(), oldest));
    ended_order_.pop_front();
  }
}

void Scheduler::Stop(std::chrono::milliseconds grace) {
  MutexLock stop_lock(stop_mu_);
  std::deque<Queued> dropped;
  {
    MutexLock lock(mu_);
    stopping_ = true;
    dropped = queue_.Clear();
    changed_.NotifyAll();
  }
  for (Queued& entry : dropped) {
    entry.job->ForceCancel(JobCutShort());
    entry.work = nullptr;
    EndJob(entry.job, JobCutShort());
  }
  std::vector<std::shared_ptr<Job>> left;
  {
    MutexLock lock(mu_);
    const auto deadline = std::chrono::steady_clock::now() + grace;
    while (active_ > 0 && std::chrono::steady_clock::now() < deadline) {
      changed_.WaitFor(mu_, deadline - std::chrono::steady_clock::now());
    }
    for (const auto& [id, job] : jobs_) {
      left.push_back(job);
    }
  }
  for (const std::shared_ptr<Job>& job : left) {
    job->ForceCancel(JobCutShort());  // no effect on those that ended
  }
  for (std::thread& worker : workers_) {
    worker.join();
  }
  workers_.clear();
  if (timer_.joinable()) {
    timer_.join();
  }
}

}  // namespace bottled
