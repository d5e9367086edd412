#include "jobs/build_pipeline.h"

#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/platform.h"

namespace bottled {
namespace {

// One for each run: what is left of an earlier one may just be removed.
std::string BuildTag(const Job& job) {
  return job.attempt() == 1 ? "bottled.local/build:" + job.id()
                            : fmt::format("bottled.local/build:{}-{}", job.id(),
                                          job.attempt());
}

}  // namespace

absl::StatusOr<ArtifactRecord> RunBuildPipeline(
    const PipelineDeps& deps, const EngineSide& side, const BuildSpec& build,
    const std::string& fingerprint, const std::shared_ptr<EngineClient>& engine,
    PipelineInput input, Job& job) {
  const CancelToken token = job.token();
  EventLog& events = job.events();
  events.StartStage(Stage::kBuild);
  ASSIGN_OR_RETURN(const EngineInfo info, engine->Negotiate(token));
  ASSIGN_OR_RETURN(const std::unique_ptr<EngineObjects::Held> tag,
                   side.objects.Hold(engine->endpoint(), EngineObjectKind::kTag,
                                     BuildTag(job)));
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
  const absl::Status built =
      RunBuild(build, engine->endpoint(), !info.podman, tag->name(), sink,
               deps.supervisor, token);
  tag->Answered(built);
  RETURN_IF_ERROR(built);

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
  const Digest key = ImageKey(image, input.pack, input.packer);
  NoteContentKey(deps, job, key);
  return RunImagePipeline(deps, side, engine, image, platform, key,
                          std::move(input), job);
}

}  // namespace bottled
