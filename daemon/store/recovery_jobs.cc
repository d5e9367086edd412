#include "store/recovery_jobs.h"

#include <string>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/fault_points.h"
#include "store/errors.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

absl::Status EndCutOff(Index& index, const JobRecord& job, JobRowState state,
                       const absl::Status& why, int64_t now_ms) {
  // What a full disk does not take is kept in memory.
  return UnlessFull(
      index.FinishJob(job.id, state, Digest(), EncodeFailure(why), now_ms));
}

}  // namespace

absl::Status InterruptJob(Index& index, const JobRecord& job, int64_t now_ms,
                          RecoveryReport& report) {
  ++report.interrupted_jobs;
  return EndCutOff(index, job, JobRowState::kInterrupted, InterruptedError(),
                   now_ms);
}

absl::Status SettleJob(Index& index, const JobRecord& job, int64_t now_ms,
                       RecoveryReport& report) {
  const bool ran = job.state != JobRowState::kQueued;
  if (ran && !job.flight.empty()) {
    // Before the job is settled: a death in between counts the same run again,
    // which comes to the same number.
    RETURN_IF_ERROR(
        UnlessFull(index.NoteCrashes(job.flight, job.attempt, now_ms)));
    CRASH_POINT("recovery.crash_noted");
  }
  if (ran && job.attempt >= kPoisonCrashes) {
    ++report.poisoned_jobs;
    return EndCutOff(index, job, JobRowState::kFailed, PoisonError(job.attempt),
                     now_ms);
  }
  if (job.repeatable()) {
    const absl::Status restarted =
        ran ? index.RestartJob(job.id, job.attempt + 1) : absl::OkStatus();
    if (!HasReason(restarted, "NO_SPACE")) {
      ++report.restarted_jobs;
      return restarted;
    }
  }
  return InterruptJob(index, job, now_ms, report);
}

}  // namespace bottled
