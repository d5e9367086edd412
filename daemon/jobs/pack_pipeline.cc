#include "jobs/pack_pipeline.h"

#include <array>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "engine/errors.h"
#include "fmt/format.h"
#include "image/platform.h"
#include "jobs/cache_hit.h"
#include "jobs/errors.h"
#include "jobs/progress_meter.h"
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

void LogFailure(const Job& job, const char* what, const absl::Status& status) {
  if (!status.ok()) {
    Log("jobs")->warn("job {}: {}: {}", job.id(), what,
                      std::string(status.message()));
  }
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
  absl::Status Read(const std::filesystem::path& stage_dir);
  absl::Status ReadOnce(const std::filesystem::path& stage_dir);
  absl::Status Identify();
  absl::StatusOr<PackedSidecar> Pack();
  absl::StatusOr<ArtifactRecord> Publish(PackedSidecar sidecar);
  void Remember();

  // Constant after construction.
  const PipelineDeps deps_;
  const PipelineInput input_;
  Job& job_;
  const CancelToken token_;

  Digest key_;
  std::string key_inputs_;
  std::unique_ptr<NativePacker> packer_;
  ArchiveImage image_;
};

absl::StatusOr<ArtifactRecord> Pipeline::Run() {
  key_ = input_.expected_key;
  if (!key_.empty()) {
    // An earlier job may have published between the caller's look and now.
    ASSIGN_OR_RETURN(MaybeArtifact cached, LookUp());
    if (cached.has_value()) {
      return *std::move(cached);
    }
  }
  const absl::Cleanup remove_stage = [this] {
    packer_.reset();
    deps_.objects.RemoveStage(job_.id());
  };
  ASSIGN_OR_RETURN(const std::filesystem::path stage_dir,
                   deps_.objects.MakeStage(job_.id()));
  RETURN_IF_ERROR(Read(stage_dir));
  RETURN_IF_ERROR(Identify());
  if (input_.expected_key.empty()) {
    ASSIGN_OR_RETURN(MaybeArtifact cached, LookUp());
    if (cached.has_value()) {
      Remember();
      return *std::move(cached);
    }
  }
  ASSIGN_OR_RETURN(PackedSidecar sidecar, Pack());
  RETURN_IF_ERROR(token_.Check());
  ASSIGN_OR_RETURN(ArtifactRecord record, Publish(std::move(sidecar)));
  Remember();
  return record;
}

absl::StatusOr<Pipeline::MaybeArtifact> Pipeline::LookUp() {
  if (input_.force) {
    return MaybeArtifact();
  }
  return FindCached(deps_.index, deps_.objects, deps_.clock, key_,
                    input_.reference, deps_.changes);
}

absl::Status Pipeline::Read(const std::filesystem::path& stage_dir) {
  absl::Status status = ReadOnce(stage_dir);
  if (status.ok() || input_.one_shot || token_.Cancelled() ||
      !IsPassing(status)) {
    return status;
  }
  job_.events().AddLine(
      fmt::format("{}. Reading it once more.", std::string(status.message())),
      /*warning=*/true);
  return ReadOnce(stage_dir);
}

absl::Status Pipeline::ReadOnce(const std::filesystem::path& stage_dir) {
  job_.events().StartStage(Stage::kRead);
  // The old one first: it holds the spool of the failed attempt.
  packer_.reset();
  ASSIGN_OR_RETURN(packer_,
                   NativePacker::Create({.stage_dir = stage_dir,
                                         .pack = input_.pack,
                                         .threads = deps_.packer_threads},
                                        token_));
  ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source,
                   input_.open(token_));
  ProgressMeter meter(job_.events(), deps_.clock,
                      {.stage = Stage::kRead,
                       .current = 0,
                       .total = input_.size_estimate,
                       .unit = Unit::kBytes,
                       .total_is_estimate = !input_.size_is_exact});
  ASSIGN_OR_RETURN(image_,
                   ReadArchive(
                       *source, input_.archive, packer_->layers(),
                       [&meter](int64_t bytes) { meter.Set(bytes); }, token_));
  return absl::OkStatus();
}

absl::Status Pipeline::Identify() {
  const Platform host = HostPlatform();
  const std::string platform = image_.config.platform.WithoutVariant();
  if (platform != host.WithoutVariant()) {
    return ArchitectureMismatch(input_.reference, platform, host);
  }
  key_inputs_ =
      ContentKeyInputs(image_.config, input_.pack, NativePackerName());
  key_ = ContentKey(key_inputs_);
  if (!input_.expected_key.empty()) {
    return key_ == input_.expected_key ? absl::OkStatus()
                                       : ContentKeyDiffers(input_.reference);
  }
  NoteContentKey(deps_, job_, key_);
  return absl::OkStatus();
}

absl::StatusOr<PackedSidecar> Pipeline::Pack() {
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
  ASSIGN_OR_RETURN(PackedSidecar sidecar, packer_->Finish(image_, progress));
  for (const Note& note : sidecar.notes) {
    job_.events().AddLine(fmt::format("{} ({}, for example {})", note.message,
                                      note.count, note.example),
                          /*warning=*/true);
  }
  return sidecar;
}

absl::StatusOr<ArtifactRecord> Pipeline::Publish(PackedSidecar sidecar) {
  job_.events().StartStage(Stage::kPublish);
  ArtifactRecord record;
  record.digest = sidecar.digest;
  record.content_key = key_;
  record.key_inputs = key_inputs_;
  record.size_bytes = sidecar.size_bytes;
  record.unpacked_bytes = sidecar.unpacked_bytes;
  record.entry_count = sidecar.entry_count;
  record.platform = image_.config.platform.WithoutVariant();
  record.config_digest = image_.config_digest;
  record.layer_digest = sidecar.layer_digest;
  record.packer = NativePackerName();
  record.last_used_ms = deps_.clock.NowMs();
  record.notes = std::move(sidecar.notes);
  if (!input_.reference.empty()) {
    record.references.push_back(input_.reference);
  }
  absl::StatusOr<ArtifactRecord> published =
      deps_.objects.Publish(job_.id(), sidecar.path, std::move(record));
  if (published.ok()) {
    Tell(deps_.changes, ChangeKind::kArtifactAdded,
         published->digest.ToString());
  }
  return published;
}

void Pipeline::Remember() {
  NoteReference(deps_.index, deps_.clock, input_.reference, key_);
  if (!input_.identify_archive) {
    return;
  }
  const std::optional<ArchiveIdentity> identity = input_.identify_archive();
  if (identity.has_value()) {
    LogFailure(
        job_, "cannot remember the archive",
        deps_.index.RecordArchive(*identity, ArchiveOptionsJson(input_.pack),
                                  key_, deps_.clock.NowMs()));
  }
}

}  // namespace

std::string ArchiveOptionsJson(const PackOptions& options) {
  return fmt::format(R"({{"cpus":{},"memory_mib":{},"packer":"{}"}})",
                     options.cpus, options.memory_mib, NativePackerName());
}

void NoteContentKey(const PipelineDeps& deps, Job& job, const Digest& key) {
  job.SetContentKey(key);
  LogFailure(job, "cannot note its key", deps.index.SetJobKey(job.id(), key));
}

absl::StatusOr<ArtifactRecord> RunPackPipeline(const PipelineDeps& deps,
                                               PipelineInput input, Job& job) {
  return Pipeline(deps, std::move(input), job).Run();
}

}  // namespace bottled
