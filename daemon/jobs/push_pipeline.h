// The packer push: tag, push to a registry of our own, and have smolvm pull
// from there. Neither reads the image nor merges its layers: smolvm does.

#ifndef BOTTLED_JOBS_PUSH_PIPELINE_H_
#define BOTTLED_JOBS_PUSH_PIPELINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "engine/client.h"
#include "jobs/image_pipeline.h"

namespace bottled {

// Runs in the job's worker thread and blocks it. The registry is shared with
// other jobs of this engine; the repository and the tag are this job's alone,
// and both are gone afterwards. An image without any name is refused
// (IMAGE_HAS_NO_NAME): taking our tag away again would delete it. When a push
// ends early, or the registry goes while smolvm pulls, it is tried again, three
// times in all. Success is what this host finds in the
// registry, not what the engine says. Reasons of Registries::Acquire(),
// TagImage(), PushImage(), ReadRegistryManifest(), PackWithSmolvm() and
// Objects; PUSH_DIFFERS.
absl::StatusOr<ArtifactRecord> RunPushPipeline(
    const PipelineDeps& deps, const EngineSide& side,
    const std::shared_ptr<EngineClient>& engine, const EngineImage& image,
    const PipelineInput& input, Job& job);

}  // namespace bottled

#endif  // BOTTLED_JOBS_PUSH_PIPELINE_H_
