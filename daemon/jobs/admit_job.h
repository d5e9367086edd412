// AdmitJob: the pipelines' way to Admission.

#ifndef BOTTLED_JOBS_ADMIT_JOB_H_
#define BOTTLED_JOBS_ADMIT_JOB_H_

#include <memory>

#include "absl/status/statusor.h"
#include "jobs/admission.h"
#include "jobs/job.h"
#include "jobs/pack_pipeline.h"

namespace bottled {

// Reserves what `input` may need, by what is known of it. The ticket must
// outlive the job's stage. Null without `deps.admission`. See
// Admission::Admit().
absl::StatusOr<std::unique_ptr<Admission::Ticket>> AdmitJob(
    const PipelineDeps& deps, const PipelineInput& input, Job& job);

}  // namespace bottled

#endif  // BOTTLED_JOBS_ADMIT_JOB_H_
