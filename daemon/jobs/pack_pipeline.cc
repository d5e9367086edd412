#include "jobs/pack_pipeline.h"

#include <array>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/errors.h"
#include "fmt/format.h"
#include "image/errors.h"
#include "image/export_reader.h"
#include "image/notes.h"
#include "image/platform.h"
#include "jobs/admit_job.h"
#include "jobs/cache_hit.h"
#include "jobs/errors.h"
#include "jobs/miss.h"
#include "jobs/progress_meter.h"
#include "jobs/publish.h"
#include "jobs/smolvm_stage.h"
#include "pack/errors.h"
#include "pack/native_packer.h"

namespace bottled {
namespace {

// What engines were seen to do once and not again (engines.md §3.1 lists the
// faults): the answer is cut or incomplete, though it looked complete.
bool IsPassing(const absl::Status& status) {
  static constexpr std::array<std::string_view, 6> kReasons = {
      "ARCHIVE_INCOMPLETE", "ARCHIVE_TRUNCATED",   "DIGEST_MISMATCH",
      "LAYER_TRUNCATED",    "ENGINE_STREAM_ERROR", "ENGINE_STREAM_BROKEN"};
  for (const std::string_view reason : kReasons) {
    if (HasReason(status, reason)) {
      return true;
    }
  }
  return false;
}

// One run. Steps in the order of their declaration.
class Pipeline {
 public:
  Pipeline(const PipelineDeps& deps, PipelineInput input, Job& job)
      : deps_(deps), input_(std::move(input)), job_(job), token_(job.token()) {}

  absl::StatusOr<ArtifactRecord> Run();

 private:
  using MaybeArtifact = std::optional<ArtifactRecord>;

  absl::StatusOr<MaybeArtifact> LookUp();
  // After a look-up that found nothing.
  absl::Status NoteWhy(const std::string& inputs);
  // The image is in packer_ and image_ afterwards, unless an artifact that was
  // made in the last resort is there.
  absl::StatusOr<MaybeArtifact> Read();
  absl::Status ReadSaved();
  absl::Status ReadOnce();
  absl::StatusOr<MaybeArtifact> ReadExported();
  absl::Status StartReading();
  ProgressMeter ReadMeter(bool size_is_exact);
  absl::Status Identify();
  // Makes the artifact; reads the image again when a kept layer is damaged.
  absl::StatusOr<PackedSidecar> PackIdentified();
  absl::StatusOr<PackedSidecar> Pack();
  absl::StatusOr<PackedSidecar> PackNatively();
  absl::StatusOr<ArtifactRecord> Publish(PackedSidecar sidecar);
  void Remember();

  // Constant after construction.
  const PipelineDeps deps_;
  const PipelineInput input_;
  Job& job_;
  const CancelToken token_;

  std::filesystem::path stage_dir_;
  Digest key_;
  std::string key_inputs_;
  // As the artifact's row names it.
  std::string packer_name_;
  bool exported_ = false;
  // Layers of earlier packs may be taken over.
  bool reuse_ = true;
  std::unique_ptr<KeyClaims::Claim> claim_;
  std::unique_ptr<KeyClaims::Claim> export_claim_;
  std::unique_ptr<NativePacker> packer_;
  ArchiveImage image_;
};

absl::StatusOr<ArtifactRecord> Pipeline::Run() {
  packer_name_ = input_.packer.name;
  key_ = input_.expected_key;
  if (!key_.empty()) {
    ASSIGN_OR_RETURN(claim_, ClaimKey(deps_, job_, key_));
    // An earlier job may have published between the caller's look and now.
    ASSIGN_OR_RETURN(MaybeArtifact cached, LookUp());
    if (cached.has_value()) {
      return *std::move(cached);
    }
    RETURN_IF_ERROR(NoteWhy(input_.expected_inputs));
  }
  // Ends after the stage.
  std::unique_ptr<Admission::Ticket> room;
  const absl::Cleanup remove_stage = [this] {
    packer_.reset();
    deps_.objects.RemoveStage(job_.id());
  };
  NotePacker(job_, input_.packer);
  ASSIGN_OR_RETURN(room, AdmitJob(deps_, input_, job_));
  ASSIGN_OR_RETURN(stage_dir_, deps_.objects.MakeStage(job_.id()));
  ASSIGN_OR_RETURN(MaybeArtifact exported, Read());
  if (exported.has_value()) {
    return *std::move(exported);
  }
  RETURN_IF_ERROR(Identify());
  if (input_.expected_key.empty()) {
    ASSIGN_OR_RETURN(claim_, ClaimKey(deps_, job_, key_));
    ASSIGN_OR_RETURN(MaybeArtifact cached, LookUp());
    if (cached.has_value()) {
      Remember();
      return *std::move(cached);
    }
    RETURN_IF_ERROR(NoteWhy(key_inputs_));
  }
  ASSIGN_OR_RETURN(PackedSidecar sidecar, PackIdentified());
  RETURN_IF_ERROR(token_.Check());
  ASSIGN_OR_RETURN(ArtifactRecord record, Publish(std::move(sidecar)));
  if (packer_ != nullptr) {
    packer_->Keep(record.digest);
  }
  Remember();
  return record;
}

absl::StatusOr<Pipeline::MaybeArtifact> Pipeline::LookUp() {
  if (input_.force) {
    return MaybeArtifact();
  }
  return FindCached(deps_.index, deps_.objects, deps_.clock, key_,
                    input_.reference, deps_.changes, job_.job_class());
}

absl::Status Pipeline::NoteWhy(const std::string& inputs) {
  return NoteMiss(deps_.index, job_,
                  ExplainMiss(deps_.index, deps_.clock, key_, inputs,
                              input_.reference, input_.force));
}

absl::StatusOr<Pipeline::MaybeArtifact> Pipeline::Read() {
  const absl::Status status = ReadSaved();
  if (status.ok()) {
    return MaybeArtifact();
  }
  const bool hopeless = IsPassing(status) || HasReason(status, kImageUnsavable);
  if (!input_.last_resort.has_value() || !hopeless || token_.Cancelled()) {
    return status;
  }
  job_.events().AddLine(
      fmt::format("{}. Taking it from a container that is never started, "
                  "which cannot be verified.",
                  std::string(status.message())),
      /*warning=*/true);
  absl::StatusOr<MaybeArtifact> exported = ReadExported();
  if (exported.ok() || token_.Cancelled()) {
    return exported;
  }
  job_.events().AddLine(fmt::format("That failed as well: {}",
                                    std::string(exported.status().message())),
                        /*warning=*/true);
  return status;
}

absl::Status Pipeline::ReadSaved() {
  absl::Status status = ReadOnce();
  if (HasReason(status, kKnownLayerDiffers)) {
    reuse_ = false;
    job_.events().AddLine(
        fmt::format("{}. Reading without it.", std::string(status.message())),
        /*warning=*/false);
    status = ReadOnce();
  }
  if (status.ok() || input_.one_shot || token_.Cancelled() ||
      !IsPassing(status)) {
    return status;
  }
  job_.events().AddLine(
      fmt::format("{}. Reading it once more.", std::string(status.message())),
      /*warning=*/true);
  return ReadOnce();
}

absl::Status Pipeline::StartReading() {
  job_.events().StartStage(Stage::kRead);
  // The old one first: it holds the spool of the failed attempt.
  packer_.reset();
  NativePacker::Options options{.stage_dir = stage_dir_,
                                .pack = input_.pack,
                                .threads = deps_.packer_threads,
                                .kept = deps_.kept};
  if (reuse_ && !exported_ && !input_.one_shot && !input_.force) {
    ASSIGN_OR_RETURN(const ArtifactSizes known,
                     deps_.index.KnownSizes(key_, input_.reference));
    options.reuse = input_.archive.expected_diff_ids;
    options.similar_bytes = known.similar_unpacked;
  }
  ASSIGN_OR_RETURN(packer_, NativePacker::Create(options, token_));
  return absl::OkStatus();
}

ProgressMeter Pipeline::ReadMeter(bool size_is_exact) {
  return {job_.events(),
          deps_.clock,
          {.stage = Stage::kRead,
           .current = 0,
           .total = input_.size_estimate,
           .unit = Unit::kBytes,
           .total_is_estimate = !size_is_exact}};
}

absl::StatusOr<Pipeline::MaybeArtifact> Pipeline::ReadExported() {
  const ExportSource& resort = *input_.last_resort;
  exported_ = true;
  packer_name_ += " export";
  key_inputs_ = ContentKeyInputs(resort.config, input_.pack, packer_name_);
  key_ = ContentKey(key_inputs_);
  ASSIGN_OR_RETURN(export_claim_, ClaimKey(deps_, job_, key_));
  ASSIGN_OR_RETURN(MaybeArtifact cached, LookUp());
  if (cached.has_value()) {
    return cached;
  }
  NoteContentKey(deps_, job_, key_);
  RETURN_IF_ERROR(StartReading());
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source,
                   resort.open(token_));
  ProgressMeter meter = ReadMeter(/*size_is_exact=*/false);
  ASSIGN_OR_RETURN(
      image_,
      ReadExport(
          *source, resort.config, input_.archive.limits, packer_->layers(),
          [&meter](int64_t bytes) { meter.Set(bytes); }, token_));
  image_.config_digest = resort.id;
  return MaybeArtifact();
}

absl::Status Pipeline::ReadOnce() {
  RETURN_IF_ERROR(StartReading());
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source,
                   input_.open(token_));
  ProgressMeter meter = ReadMeter(input_.size_is_exact);
  ASSIGN_OR_RETURN(image_,
                   ReadArchive(
                       *source, input_.archive, packer_->layers(),
                       [&meter](int64_t bytes) { meter.Set(bytes); }, token_));
  const NativePacker::Reused reused = packer_->reused();
  if (reused.layers > 0) {
    job_.events().AddLine(
        fmt::format("{} of {} layers, {}, are as an earlier pack left them",
                    reused.layers, image_.layers.size(),
                    FormatBytes(reused.unpacked_bytes)),
        /*warning=*/false);
  }
  return absl::OkStatus();
}

absl::Status Pipeline::Identify() {
  const Platform host = HostPlatform();
  const std::string platform = image_.config.platform.WithoutVariant();
  if (platform != host.WithoutVariant()) {
    return ArchitectureMismatch(input_.reference, platform, host);
  }
  if (exported_) {
    return absl::OkStatus();
  }
  key_inputs_ = ContentKeyInputs(image_.config, input_.pack, packer_name_);
  key_ = ContentKey(key_inputs_);
  if (!input_.expected_key.empty()) {
    return key_ == input_.expected_key ? absl::OkStatus()
                                       : ContentKeyDiffers(input_.reference);
  }
  NoteContentKey(deps_, job_, key_);
  return absl::OkStatus();
}

absl::StatusOr<PackedSidecar> Pipeline::PackIdentified() {
  absl::StatusOr<PackedSidecar> packed = Pack();
  if (!HasReason(packed.status(), kKeptLayerDamaged)) {
    return packed;
  }
  reuse_ = false;
  job_.events().AddLine(fmt::format("{}. Reading the image again.",
                                    std::string(packed.status().message())),
                        /*warning=*/true);
  RETURN_IF_ERROR(ReadSaved());
  RETURN_IF_ERROR(Identify());
  return Pack();
}

absl::StatusOr<PackedSidecar> Pipeline::Pack() {
  ASSIGN_OR_RETURN(PackedSidecar sidecar, PackNatively());
  if (exported_) {
    sidecar.notes.push_back(MakeNote("UNVERIFIED", input_.reference));
  }
  if (input_.packer.kind == PackerKind::kSmolvm) {
    packer_.reset();
    ASSIGN_OR_RETURN(sidecar, RepackWithSmolvm({.deps = deps_,
                                                .job = job_,
                                                .packer = input_.packer,
                                                .options = input_.pack,
                                                .stage_dir = stage_dir_},
                                               sidecar, image_.config));
  }
  for (const Note& note : sidecar.notes) {
    job_.events().AddLine(fmt::format("{} ({}, for example {})", note.message,
                                      note.count, note.example),
                          /*warning=*/true);
  }
  return sidecar;
}

absl::StatusOr<PackedSidecar> Pipeline::PackNatively() {
  job_.events().StartStage(Stage::kMerge);
  ProgressMeter meter(job_.events(), deps_.clock, {.stage = Stage::kMerge});
  const auto progress = [this, &meter](NativePacker::Phase phase, int64_t done,
                                       int64_t total) {
    const Stage stage =
        phase == NativePacker::Phase::kMerge ? Stage::kMerge : Stage::kAssemble;
    if (stage != meter.progress().stage || total != meter.progress().total) {
      meter.Begin({.stage = stage, .current = 0, .total = total});
    }
    if (stage != job_.events().stage()) {
      job_.events().StartStage(stage);
    }
    meter.Set(done);
  };
  absl::StatusOr<PackedSidecar> packed = packer_->Finish(image_, progress);
  if (packed.ok() && packer_->head_start_bytes() > 0) {
    job_.events().AddLine(
        fmt::format("{} of that were in place before the image was read",
                    FormatBytes(packer_->head_start_bytes())),
        /*warning=*/false);
  }
  return packed;
}

absl::StatusOr<ArtifactRecord> Pipeline::Publish(PackedSidecar sidecar) {
  return PublishSidecar(deps_, job_, std::move(sidecar),
                        {.content_key = key_,
                         .key_inputs = key_inputs_,
                         .packer = packer_name_,
                         .platform = image_.config.platform.WithoutVariant(),
                         .config_digest = image_.config_digest,
                         .reference = input_.reference});
}

void Pipeline::Remember() {
  NoteReference(deps_.index, deps_.clock, input_.reference, key_);
  if (!input_.identify_archive) {
    return;
  }
  const std::optional<ArchiveIdentity> identity = input_.identify_archive();
  if (identity.has_value()) {
    LogFailure(job_, "cannot remember the archive",
               deps_.index.RecordArchive(
                   *identity, ArchiveOptionsJson(input_.pack, input_.packer),
                   key_, deps_.clock.NowMs()));
  }
}

}  // namespace

absl::StatusOr<ArtifactRecord> RunPackPipeline(const PipelineDeps& deps,
                                               PipelineInput input, Job& job) {
  return Pipeline(deps, std::move(input), job).Run();
}

}  // namespace bottled
