// The way from a build request to an artifact: build, identify, then the
// pipeline of any image.

#ifndef BOTTLED_JOBS_BUILD_PIPELINE_H_
#define BOTTLED_JOBS_BUILD_PIPELINE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/build.h"
#include "engine/client.h"
#include "jobs/image_pipeline.h"
#include "jobs/job.h"
#include "jobs/pack_pipeline.h"

namespace bottled {

// Runs in the job's worker thread and blocks it. Every request builds, as only
// the builder knows whether its result would be another one; what is shared is
// the artifact, when the image is one that was packed before. The result is
// found by a tag of this job's own, `bottled.local/build:<job>`, which goes on
// every way out of this call, and after a kill -9 by EngineObjects. The index
// remembers which image `fingerprint` (if any) led to. Reasons of RunBuild(),
// EngineClient and RunImagePipeline().
absl::StatusOr<ArtifactRecord> RunBuildPipeline(
    const PipelineDeps& deps, const EngineSide& side, const BuildSpec& build,
    const std::string& fingerprint, const std::shared_ptr<EngineClient>& engine,
    PipelineInput input, Job& job);

}  // namespace bottled

#endif  // BOTTLED_JOBS_BUILD_PIPELINE_H_
