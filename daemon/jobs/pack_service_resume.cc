// The part of PackService that goes on with what a restart cut off.

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "image/platform.h"
#include "jobs/build_fingerprint.h"
#include "jobs/build_pipeline.h"
#include "jobs/errors.h"
#include "jobs/file_source.h"
#include "jobs/pack_service.h"
#include "jobs/repeat_spec.h"
#include "store/errors.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause(250);
constexpr milliseconds kLongestPause(4000);

// What an engine that has not started yet looks like: nobody listens, or its
// service manager does, or it answers that it is not ready.
bool MayCome(const absl::Status& status) {
  return HasReason(status, "ENGINE_UNREACHABLE") ||
         HasReason(status, "ENGINE_TIMEOUT") ||
         HasReason(status, "ENGINE_ERROR");
}

}  // namespace

absl::Status PackService::Resume() {
  engine_wait_ends_ = deps_.clock.Steady() + options_.engine_patience;
  ASSIGN_OR_RETURN(const std::vector<Index::OpenJob> jobs,
                   deps_.index.OpenJobs());
  for (const auto& [row, publishing] : jobs) {
    // On a full disk a row may look open though its end is known.
    std::optional<PackSpec> spec;
    if (row.state == JobRowState::kQueued && row.repeatable()) {
      spec = DecodeRepeat(row.spec);
    }
    if (spec.has_value()) {
      deps_.scheduler.Resume(row, [this, taken = *std::move(spec)](Job& job) {
        return RunAgain(taken, job);
      });
      continue;
    }
    const absl::Status ended = deps_.index.FinishJob(
        row.id, JobRowState::kInterrupted, Digest(),
        EncodeFailure(InterruptedError()), deps_.clock.NowMs());
    // Its end may have waited for room, and be written first.
    if (!HasReason(ended, "NO_SPACE") && !HasReason(ended, kJobNotOpen)) {
      RETURN_IF_ERROR(ended);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ArtifactRecord> PackService::RunAgain(const PackSpec& spec,
                                                     Job& job) {
  ASSIGN_OR_RETURN(
      const Packer packer,
      deps_.packers.Choose(spec.packer, spec.search_path, job.token()));
  if (const auto* image = std::get_if<ImageSource>(&spec.source)) {
    return RunImageAgain(spec, *image, packer, job);
  }
  if (const auto* build = std::get_if<BuildSource>(&spec.source)) {
    return RunBuildAgain(spec, *build, packer, job);
  }
  if (packer.kind == PackerKind::kPush) {
    return PackerNeedsEngine();
  }
  const auto& archive = std::get<ArchiveFileSource>(spec.source);
  RETURN_IF_ERROR(CheckArchive(archive));
  ASSIGN_OR_RETURN(const ArchiveIdentity file,
                   IdentifyArchive(archive.path, archive.reference));
  return RunPackPipeline(MakeDeps(),
                         MakeArchiveInput(spec, archive, file, packer), job);
}

absl::StatusOr<std::shared_ptr<EngineClient>> PackService::AwaitEngine(
    const EngineEndpoint& endpoint, Job& job) {
  const std::shared_ptr<EngineClient> engine = deps_.engines.Get(endpoint);
  milliseconds pause = kFirstPause;
  for (bool waits = false;; waits = true) {
    const absl::Status status = engine->Negotiate(job.token()).status();
    if (status.ok()) {
      if (waits) {
        LogFailure(job, "cannot note that it runs",
                   deps_.index.MarkRunning(job.id(), deps_.clock.NowMs()));
      }
      return engine;
    }
    if (!MayCome(status) || deps_.clock.Steady() >= engine_wait_ends_) {
      return status;
    }
    if (!waits) {
      job.events().AddLine(
          "waiting for the engine: " + std::string(status.message()),
          /*warning=*/true);
      LogFailure(job, "cannot note that it waits",
                 deps_.index.MarkQueued(job.id()));
    }
    RETURN_IF_ERROR(SleepFor(pause, job.token()));
    pause = std::min(2 * pause, kLongestPause);
  }
}

absl::StatusOr<ArtifactRecord> PackService::RunImageAgain(
    const PackSpec& spec, const ImageSource& source, const Packer& packer,
    Job& job) {
  job.events().StartStage(Stage::kIdentify);
  ASSIGN_OR_RETURN(const std::shared_ptr<EngineClient> engine,
                   AwaitEngine(source.engine, job));
  const Platform platform = HostPlatform();
  ASSIGN_OR_RETURN(
      const EngineImage image,
      engine->InspectImage(source.reference, platform, job.token()));
  const Digest key = ImageKey(image, spec.options, packer);
  NoteContentKey(MakeDeps(), job, key);
  return RunImagePipeline(MakeDeps(), MakeSide(), engine, image, platform, key,
                          MakeInput(spec, packer, source.name), job);
}

absl::StatusOr<ArtifactRecord> PackService::RunBuildAgain(
    const PackSpec& spec, const BuildSource& source, const Packer& packer,
    Job& job) {
  ASSIGN_OR_RETURN(const std::shared_ptr<EngineClient> engine,
                   AwaitEngine(source.engine, job));
  // The context may have changed since.
  ASSIGN_OR_RETURN(
      const std::string fingerprint,
      BuildFingerprint(source.build, deps_.index.instance_id(), job.token()));
  return RunBuildPipeline(MakeDeps(), MakeSide(), source.build, fingerprint,
                          engine, MakeInput(spec, packer, job.source()), job);
}

}  // namespace bottled
