// From an engine's image to an artifact, by whichever packer.

#ifndef BOTTLED_JOBS_IMAGE_PIPELINE_H_
#define BOTTLED_JOBS_IMAGE_PIPELINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "engine/client.h"
#include "image/content_key.h"
#include "image/digest.h"
#include "image/platform.h"
#include "jobs/engine_objects.h"
#include "jobs/job.h"
#include "jobs/pack_pipeline.h"
#include "jobs/registries.h"

namespace bottled {

// What jobs on an engine's images share. Outlives them.
struct EngineSide {
  EngineObjects& objects;
  Registries& registries;
};

// The content key of what `packer` makes of an engine's image, and its inputs.
std::string ImageKeyInputs(const EngineImage& image, const PackOptions& options,
                           const Packer& packer);
Digest ImageKey(const EngineImage& image, const PackOptions& options,
                const Packer& packer);

// Runs in the job's worker thread and blocks it. `input` has options, packer
// and reference; what the image tells is filled in here. `key` is its
// ImageKey(). Reasons of RunPackPipeline() or RunPushPipeline().
absl::StatusOr<ArtifactRecord> RunImagePipeline(
    const PipelineDeps& deps, const EngineSide& side,
    const std::shared_ptr<EngineClient>& engine, const EngineImage& image,
    const Platform& platform, const Digest& key, PipelineInput input, Job& job);

}  // namespace bottled

#endif  // BOTTLED_JOBS_IMAGE_PIPELINE_H_
