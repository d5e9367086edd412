#include "jobs/admit_job.h"

#include <string>

#include "base/status_macros.h"
#include "jobs/estimate.h"
#include "jobs/job_class.h"

namespace bottled {

absl::StatusOr<std::unique_ptr<Admission::Ticket>> AdmitJob(
    const PipelineDeps& deps, const PipelineInput& input, Job& job) {
  if (deps.admission == nullptr) {
    return nullptr;
  }
  // An archive may be compressed: its artifact is hardly smaller then.
  const int64_t source_bytes =
      input.size_is_exact ? 2 * input.size_estimate : input.size_estimate;
  ASSIGN_OR_RETURN(const ArtifactSizes known,
                   deps.index.KnownSizes(input.expected_key, input.reference));
  return deps.admission->Admit(
      {.job_id = job.id(),
       .bytes =
           EstimateBytes(input.packer.kind, {.same_bytes = known.same,
                                             .similar_bytes = known.similar,
                                             .source_bytes = source_bytes}),
       .is_warm = [&job] { return job.job_class() == JobClass::kWarm; },
       .stop = [&job](const absl::Status& why) { job.ForceCancel(why); },
       .tell =
           [&job](const std::string& line) {
             job.events().AddLine(line, /*warning=*/false);
           }},
      job.token());
}

}  // namespace bottled
