#include "store/recovery_jobs.h"

#include <string>

#include "base/error.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "platform/fault_points.h"
#include "store/errors.h"

namespace bottled {
namespace {

// The members are those of jobs/failure_json.h, which this layer does not see.
std::string FailureText(const absl::Status& status) {
  const ErrorDetail detail = GetErrorDetail(status);
  const nlohmann::json failure = {{"code", static_cast<int>(status.code())},
                                  {"reason", detail.reason},
                                  {"message", std::string(status.message())},
                                  {"remedy", detail.remedy},
                                  {"stage", ""},
                                  {"log_tail", nlohmann::json::array()}};
  return failure.dump();
}

// What a full disk does not take is left for the next start, or kept in memory.
absl::Status UnlessNoSpace(const absl::Status& status) {
  return HasReason(status, "NO_SPACE") ? absl::OkStatus() : status;
}

absl::Status EndCutOff(Index& index, const JobRecord& job, JobRowState state,
                       const absl::Status& why, int64_t now_ms) {
  return UnlessNoSpace(
      index.FinishJob(job.id, state, Digest(), FailureText(why), now_ms));
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
        UnlessNoSpace(index.NoteCrashes(job.flight, job.attempt, now_ms)));
    CRASH_POINT("recovery.crash_noted");
  }
  if (ran && job.attempt >= kPoisonCrashes) {
    ++report.poisoned_jobs;
    return EndCutOff(index, job, JobRowState::kFailed, PoisonError(job.attempt),
                     now_ms);
  }
  if (job.repeatable() && !ran) {
    ++report.restarted_jobs;
    return absl::OkStatus();
  }
  if (job.repeatable()) {
    const absl::Status restarted = index.RestartJob(job.id, job.attempt + 1);
    if (!HasReason(restarted, "NO_SPACE")) {
      ++report.restarted_jobs;
      return restarted;
    }
  }
  return InterruptJob(index, job, now_ms, report);
}

}  // namespace bottled
