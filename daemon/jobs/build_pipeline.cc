#include "jobs/build_pipeline.h"

#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "pack/native_packer.h"

namespace bottled {

Digest ImageKey(const EngineImage& image, const PackOptions& options) {
  return ContentKey(
      ContentKeyInputs(image.config, options, NativePackerName()));
}

void SetImageInput(PipelineInput& input, std::shared_ptr<EngineClient> engine,
                   const EngineImage& image, const Platform& platform,
                   const Digest& key) {
  input.open = [engine = std::move(engine), id = image.id,
                platform](const CancelToken& token) {
    return engine->SaveImage(id, platform, token);
  };
  input.archive.expected_diff_ids = image.config.diff_ids;
  input.archive.expected_id = image.id;
  input.expected_key = key;
  input.size_estimate = image.size_estimate;
}

absl::StatusOr<ArtifactRecord> RunBuildPipeline(
    const PipelineDeps& deps, EngineObjects& objects, const BuildSpec& build,
    const std::string& fingerprint, const std::shared_ptr<EngineClient>& engine,
    PipelineInput input, Job& job) {
  const CancelToken token = job.token();
  EventLog& events = job.events();
  events.StartStage(Stage::kBuild);
  ASSIGN_OR_RETURN(const EngineInfo info, engine->Negotiate(token));
  ASSIGN_OR_RETURN(
      const std::unique_ptr<EngineObjects::HeldTag> tag,
      objects.HoldTag(engine->endpoint(), "bottled.local/build:" + job.id()));
  const BuildSink sink = {.line =
                              [&events](const std::string& line) {
                                events.AddLine(line, /*warning=*/false);
                              },
                          .steps =
                              [&events](BuildOutput::Steps steps) {
                                events.Report({.stage = Stage::kBuild,
                                               .current = steps.done,
                                               .total = steps.total,
                                               .unit = Unit::kSteps,
                                               .total_is_estimate = true});
                              }};
  // buildx would boot a builder of its own beside podman, from an image that it
  // pulls.
  RETURN_IF_ERROR(RunBuild(build, engine->endpoint(), !info.podman, tag->name(),
                           sink, deps.supervisor, token));

  events.StartStage(Stage::kIdentify);
  const Platform platform = HostPlatform();
  ASSIGN_OR_RETURN(const EngineImage image,
                   engine->InspectImage(tag->name(), platform, token));
  if (!fingerprint.empty()) {
    const absl::Status noted = deps.index.RecordBuild(
        engine->endpoint().host, fingerprint, image.id, deps.clock.NowMs());
    if (!noted.ok()) {
      Log("jobs")->warn("job {}: its build will be repeated: {}", job.id(),
                        std::string(noted.message()));
    }
  }
  const Digest key = ImageKey(image, input.pack);
  SetImageInput(input, engine, image, platform, key);
  NoteContentKey(deps, job, key);
  return RunPackPipeline(deps, std::move(input), job);
}

}  // namespace bottled
