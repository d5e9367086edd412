// The part of PackService that knows a request again.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "jobs/cache_hit.h"
#include "jobs/history.h"
#include "jobs/pack_service.h"

namespace bottled {

absl::StatusOr<std::optional<PackAnswer>> PackService::AnswerAgain(
    const PackSpec& spec) {
  if (spec.request_key.empty()) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(
      const std::string id,
      deps_.index.JobOfRequest(spec.request_key, deps_.clock.NowMs()));
  if (id.empty()) {
    return std::nullopt;
  }
  PackAnswer answer;
  answer.miss_reason = "REPEATED";
  const std::optional<Scheduler::Submission> joined =
      deps_.scheduler.Join(id, {.flight_key = "",
                                .key = Digest(),
                                .source = "",
                                .tied = spec.tied,
                                .job_class = spec.job_class,
                                .client = spec.client,
                                .request_key = spec.request_key});
  if (joined.has_value()) {
    answer.job = joined->job;
    answer.interest_id = joined->interest_id;
    return answer;
  }
  absl::StatusOr<std::shared_ptr<Job>> job =
      FindAnyJob(id, deps_.scheduler, deps_.index, deps_.clock);
  if (HasReason(job.status(), "JOB_NOT_FOUND")) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(answer.job, std::move(job));
  const JobSnapshot end = answer.job->Snapshot();
  if (end.state == JobState::kFailed &&
      !HasReason(end.status, "ARTIFACT_GONE")) {
    return answer;
  }
  if (end.state == JobState::kSucceeded) {
    ASSIGN_OR_RETURN(
        answer.artifact,
        FindCached(deps_.index, deps_.objects, deps_.clock, end.content_key,
                   /*reference=*/"", deps_.changes, spec.job_class));
  }
  // Who repeats a request after its job was stopped wants it done.
  if (!answer.artifact.has_value()) {
    return std::nullopt;
  }
  answer.job = nullptr;
  return answer;
}

}  // namespace bottled
