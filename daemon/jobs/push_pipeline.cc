#include "jobs/push_pipeline.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/push.h"
#include "engine/registry.h"
#include "fmt/format.h"
#include "image/notes.h"
#include "jobs/admit_job.h"
#include "jobs/cache_hit.h"
#include "jobs/errors.h"
#include "jobs/miss.h"
#include "jobs/progress_meter.h"
#include "jobs/publish.h"
#include "jobs/smolvm_stage.h"

namespace bottled {
namespace {

constexpr int kAttempts = 3;
// An engine that is restarted needs a moment.
constexpr std::chrono::seconds kPause(2);
// A registry in use answers in a few milliseconds.
constexpr std::chrono::seconds kRegistryLives(2);
// Of this job alone.
constexpr size_t kRepositoryBytes = 16;
constexpr const char* kTag = "1";

// One that a new registry may cure: the engine was restarted, or its container
// was taken away.
bool MayPass(const absl::Status& status) {
  return (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
          HasReason(status, "MANIFEST_MISSING")) &&
         // These were found out by a new one already.
         !HasReason(status, "REGISTRY_FAILED") &&
         !HasReason(status, "REGISTRY_UNREACHABLE");
}

class PushPipeline {
 public:
  PushPipeline(const PipelineDeps& deps, const EngineSide& side,
               const std::shared_ptr<EngineClient>& engine,
               const EngineImage& image, const PipelineInput& input, Job& job)
      : deps_(deps),
        side_(side),
        engine_(engine),
        image_(image),
        input_(input),
        job_(job),
        token_(job.token()) {}

  absl::StatusOr<ArtifactRecord> Run();

 private:
  // Pushes, and has smolvm pack what it finds in the registry. A failure leaves
  // no registry that others would join.
  absl::StatusOr<PackedSidecar> Pack();
  absl::StatusOr<PackedSidecar> PackFrom(const RegistryRoute& route);
  absl::StatusOr<RegistryManifest> Push(const RegistryRoute& route,
                                        const std::string& repository);
  absl::Status Check(const RegistryManifest& manifest, const Digest& pushed);

  // Constant after construction.
  const PipelineDeps& deps_;
  const EngineSide& side_;
  const std::shared_ptr<EngineClient>& engine_;
  const EngineImage& image_;
  const PipelineInput& input_;
  Job& job_;
  const CancelToken token_;

  std::filesystem::path stage_dir_;
  Digest config_digest_;
  // The last failure may be cured by another registry.
  bool again_ = false;
};

absl::StatusOr<ArtifactRecord> PushPipeline::Run() {
  ASSIGN_OR_RETURN(const std::unique_ptr<KeyClaims::Claim> claim,
                   ClaimKey(deps_, job_, input_.expected_key));
  if (!input_.force) {
    ASSIGN_OR_RETURN(
        std::optional<ArtifactRecord> cached,
        FindCached(deps_.index, deps_.objects, deps_.clock, input_.expected_key,
                   input_.reference, deps_.changes, job_.job_class()));
    if (cached.has_value()) {
      return *std::move(cached);
    }
  }
  RETURN_IF_ERROR(NoteMiss(
      deps_.index, job_,
      ExplainMiss(deps_.index, deps_.clock, input_.expected_key,
                  input_.expected_inputs, input_.reference, input_.force)));
  // Ends after the stage.
  std::unique_ptr<Admission::Ticket> room;
  const absl::Cleanup remove_stage = [this] {
    deps_.objects.RemoveStage(job_.id());
  };
  EventLog& events = job_.events();
  NotePacker(job_, input_.packer);
  ASSIGN_OR_RETURN(room, AdmitJob(deps_, input_, job_));
  absl::StatusOr<PackedSidecar> sidecar = absl::UnknownError("");
  for (int attempt = 1;; ++attempt) {
    sidecar = Pack();
    if (sidecar.ok()) {
      break;
    }
    RETURN_IF_ERROR(token_.Check());
    if (!again_ || attempt == kAttempts) {
      return sidecar.status();
    }
    events.AddLine(fmt::format("{}. Trying it again with a new registry.",
                               std::string(sidecar.status().message())),
                   /*warning=*/true);
    RETURN_IF_ERROR(SleepFor(kPause, token_));
  }
  if (image_.config.diff_ids.size() > 1) {
    sidecar->notes.push_back(
        MakeNote("MERGED_BY_SMOLVM", input_.reference,
                 static_cast<int64_t>(image_.config.diff_ids.size())));
    events.AddLine(sidecar->notes.back().message, /*warning=*/true);
  }
  RETURN_IF_ERROR(token_.Check());
  ASSIGN_OR_RETURN(
      ArtifactRecord record,
      PublishSidecar(deps_, job_, *std::move(sidecar),
                     {.content_key = input_.expected_key,
                      .key_inputs = ContentKeyInputs(image_.config, input_.pack,
                                                     input_.packer.name),
                      .packer = input_.packer.name,
                      .platform = image_.config.platform.WithoutVariant(),
                      .config_digest = config_digest_,
                      .reference = input_.reference}));
  NoteReference(deps_.index, deps_.clock, input_.reference,
                input_.expected_key);
  return record;
}

absl::StatusOr<PackedSidecar> PushPipeline::Pack() {
  EventLog& events = job_.events();
  events.StartStage(Stage::kPush);
  ASSIGN_OR_RETURN(stage_dir_, deps_.objects.MakeStage(job_.id()));
  absl::StatusOr<std::unique_ptr<Registries::Use>> registry =
      side_.registries.Acquire(
          engine_,
          [&events](const std::string& line) {
            events.AddLine(line, /*warning=*/false);
          },
          token_);
  if (!registry.ok()) {
    again_ = MayPass(registry.status());
    return registry.status();
  }
  absl::StatusOr<PackedSidecar> sidecar = PackFrom((*registry)->route());
  if (!sidecar.ok()) {
    // One that is full, or gone while smolvm pulled, serves nobody either.
    (*registry)->Spoil();
    again_ = MayPass(sidecar.status()) ||
             !WaitForRegistry((*registry)->route().pull_address, kRegistryLives,
                              token_)
                  .ok();
  }
  return sidecar;
}

absl::StatusOr<PackedSidecar> PushPipeline::PackFrom(
    const RegistryRoute& route) {
  const std::string repository = "bottled/" + RandomHex(kRepositoryBytes);
  ASSIGN_OR_RETURN(const RegistryManifest manifest, Push(route, repository));
  // An index has no config of its own.
  config_digest_ = manifest.config.empty() ? image_.id : manifest.config;
  return PackWithSmolvm({.deps = deps_,
                         .job = job_,
                         .packer = input_.packer,
                         .options = input_.pack,
                         .stage_dir = stage_dir_},
                        fmt::format("{}/{}@{}", route.pull_address, repository,
                                    manifest.digest.ToString()),
                        image_.config.platform.WithoutVariant());
}

absl::StatusOr<RegistryManifest> PushPipeline::Push(
    const RegistryRoute& route, const std::string& repository) {
  if (image_.unnamed) {
    return ImageHasNoName(input_.reference);
  }
  const std::string name = fmt::format("{}/{}", route.push_address, repository);
  ASSIGN_OR_RETURN(
      const std::unique_ptr<EngineObjects::Held> tag,
      side_.objects.Hold(engine_->endpoint(), EngineObjectKind::kTag,
                         fmt::format("{}:{}", name, kTag)));
  const absl::Status tagged = TagImage(*engine_, image_.id, name, kTag, token_);
  tag->Answered(tagged);
  RETURN_IF_ERROR(tagged);
  ProgressMeter meter(job_.events(), deps_.clock,
                      {.stage = Stage::kPush,
                       .current = 0,
                       .total = image_.size_estimate,
                       .unit = Unit::kBytes,
                       .total_is_estimate = true});
  ASSIGN_OR_RETURN(
      const Digest pushed,
      PushImage(
          *engine_, name, kTag,
          [&meter](int64_t done, int64_t) { meter.Set(done); }, token_));
  ASSIGN_OR_RETURN(
      const RegistryManifest manifest,
      ReadRegistryManifest(route.pull_address, repository, kTag, token_));
  RETURN_IF_ERROR(Check(manifest, pushed));
  return manifest;
}

absl::Status PushPipeline::Check(const RegistryManifest& manifest,
                                 const Digest& pushed) {
  if (!pushed.empty() && pushed != manifest.digest) {
    return PushDiffers(fmt::format("the engine pushed {}, the registry has {}",
                                   pushed.ToString(),
                                   manifest.digest.ToString()));
  }
  // An image's ID is the digest of its config, or, with containerd's store, of
  // its manifest (engines.md §9). An index is only known by what the engine
  // said that it pushed.
  if (manifest.config == image_.id || manifest.digest == image_.id ||
      (manifest.config.empty() && !pushed.empty())) {
    return absl::OkStatus();
  }
  return PushDiffers(fmt::format(
      "it has {} instead of {}",
      (manifest.config.empty() ? manifest.digest : manifest.config).ToString(),
      image_.id.ToString()));
}

}  // namespace

absl::StatusOr<ArtifactRecord> RunPushPipeline(
    const PipelineDeps& deps, const EngineSide& side,
    const std::shared_ptr<EngineClient>& engine, const EngineImage& image,
    const PipelineInput& input, Job& job) {
  return PushPipeline(deps, side, engine, image, input, job).Run();
}

}  // namespace bottled
