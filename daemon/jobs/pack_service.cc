#include "jobs/pack_service.h"

#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "image/platform.h"
#include "image/reference.h"
#include "jobs/build_pipeline.h"
#include "jobs/cache_hit.h"
#include "jobs/errors.h"
#include "jobs/file_source.h"
#include "jobs/miss.h"
#include "jobs/repeat_spec.h"

namespace bottled {
namespace {

constexpr size_t kFlightBytes = 16;
constexpr int kLeaseTries = 3;

// One spelling per image, so that a reference's history is one: docker's own
// short form. IDs stay as they are.
absl::StatusOr<std::string> NormalizedReference(const std::string& text) {
  if (LooksLikeImageId(text)) {
    return text;
  }
  ASSIGN_OR_RETURN(const Reference reference, ParseNormalizedReference(text));
  return reference.Familiar();
}

std::string FileFlightKey(const ArchiveIdentity& file,
                          const std::string& options_json) {
  return fmt::format("file:{}:{}:{}:{}:{}:{}:{}", file.device, file.inode,
                     file.size, file.mtime_ns, file.ctime_ns, file.reference,
                     options_json);
}

}  // namespace

absl::StatusOr<PackAnswer> PackService::Pack(const PackSpec& spec,
                                             const CancelToken& cancel) {
  RETURN_IF_ERROR(ValidatePackOptions(spec.options));
  ASSIGN_OR_RETURN(const Packer packer,
                   deps_.packers.Choose(spec.packer, spec.search_path, cancel));
  if (spec.lease.has_value()) {
    RETURN_IF_ERROR(Leases::Check(*spec.lease));
  }
  std::optional<DigestLocks::Hold> name;
  if (!spec.request_key.empty()) {
    name.emplace(answering_, Sha256Of(spec.request_key));
  }
  for (int tries = 1;; ++tries) {
    ASSIGN_OR_RETURN(std::optional<PackAnswer> again, AnswerAgain(spec));
    if (!again.has_value()) {
      ASSIGN_OR_RETURN(again, PackOnce(spec, packer, cancel));
    }
    PackAnswer& answer = *again;
    if (answer.remembered) {
      answer.miss_reason = "FAILED_JUST_NOW";
    }
    if (!answer.artifact.has_value() || !spec.lease.has_value()) {
      return answer;
    }
    absl::StatusOr<ArtifactLease> lease =
        deps_.leases.Acquire(answer.artifact->digest, *spec.lease);
    if (lease.ok()) {
      answer.lease = *std::move(lease);
      return answer;
    }
    // It was collected between the look and the lease: then it is a miss.
    if (!HasReason(lease.status(), "ARTIFACT_NOT_FOUND") ||
        tries == kLeaseTries) {
      return lease.status();
    }
  }
}

absl::StatusOr<PackAnswer> PackService::PackOnce(const PackSpec& spec,
                                                 const Packer& packer,
                                                 const CancelToken& cancel) {
  if (const auto* image = std::get_if<ImageSource>(&spec.source)) {
    return PackImage(spec, *image, packer, cancel);
  }
  if (const auto* build = std::get_if<BuildSource>(&spec.source)) {
    return PackBuild(spec, *build, packer);
  }
  if (packer.kind == PackerKind::kPush) {
    return PackerNeedsEngine();
  }
  if (const auto* file = std::get_if<ArchiveFileSource>(&spec.source)) {
    return PackArchive(spec, *file, packer);
  }
  return PackUpload(spec, std::get<UploadedSource>(spec.source), packer);
}

PipelineInput PackService::MakeInput(const PackSpec& spec, const Packer& packer,
                                     const std::string& reference) const {
  PipelineInput input;
  input.archive.platform = HostPlatform();
  input.archive.limits = options_.limits;
  input.pack = spec.options;
  input.packer = packer;
  input.reference = reference;
  input.force = spec.force;
  return input;
}

PipelineInput PackService::MakeArchiveInput(const PackSpec& spec,
                                            const ArchiveFileSource& source,
                                            const ArchiveIdentity& file,
                                            const Packer& packer) const {
  PipelineInput input = MakeInput(
      spec, packer, source.reference.empty() ? source.path : source.reference);
  const auto opened = std::make_shared<std::optional<ArchiveIdentity>>();
  input.open = [opened, source](const CancelToken& token)
      -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    ASSIGN_OR_RETURN(std::unique_ptr<FileSource> archive,
                     FileSource::Open(source.path, source.reference, token));
    *opened = archive->identity();
    return archive;
  };
  input.identify_archive = [opened,
                            source]() -> std::optional<ArchiveIdentity> {
    const absl::StatusOr<ArchiveIdentity> now =
        IdentifyArchive(source.path, source.reference);
    return now.ok() && opened->has_value() && SameFile(*now, **opened)
               ? *opened
               : std::nullopt;
  };
  input.one_shot = true;
  input.archive.reference = source.reference;
  input.size_estimate = file.size;
  input.size_is_exact = true;
  return input;
}

PipelineDeps PackService::MakeDeps() {
  return {.index = deps_.index,
          .objects = deps_.objects,
          .clock = deps_.clock,
          .packer_threads = options_.packer_threads,
          .supervisor = options_.supervisor,
          .smolvm_env = options_.smolvm_env,
          .changes = deps_.changes,
          .admission = deps_.admission,
          .claims = &claims_,
          .kept = deps_.kept};
}

absl::StatusOr<PackAnswer> PackService::Start(const PackSpec& spec,
                                              const std::string& flight_key,
                                              const std::string& source,
                                              PipelineInput input) {
  const Digest key = input.expected_key;
  return Submit(spec, flight_key, key, source,
                [deps = MakeDeps(), &input]() -> Scheduler::Work {
                  // A warm job may have to run twice.
                  return [deps, taken = std::move(input)](Job& job) {
                    return RunPackPipeline(deps, taken, job);
                  };
                });
}

absl::StatusOr<PackAnswer> PackService::Submit(
    const PackSpec& spec, const std::string& flight_key, const Digest& key,
    const std::string& source,
    absl::AnyInvocable<Scheduler::Work()> make_work) {
  if (spec.only_look) {
    return PackAnswer();
  }
  if (deps_.admission != nullptr && !deps_.scheduler.WouldJoin(flight_key)) {
    RETURN_IF_ERROR(deps_.admission->Check());
  }
  ASSIGN_OR_RETURN(const Scheduler::Submission submission,
                   deps_.scheduler.Submit({.flight_key = flight_key,
                                           .key = key,
                                           .source = source,
                                           .tied = spec.tied,
                                           .fresh = spec.force || spec.fresh,
                                           .job_class = spec.job_class,
                                           .client = spec.client,
                                           .spec = EncodeRepeat(spec),
                                           .request_key = spec.request_key},
                                          std::move(make_work)));
  PackAnswer answer;
  answer.job = submission.job;
  answer.interest_id = submission.interest_id;
  answer.remembered = submission.remembered;
  return answer;
}

void PackService::Explain(const PackSpec& spec, const Digest& key,
                          const std::string& inputs,
                          const std::string& reference, PackAnswer& answer) {
  if (key.empty() && !spec.force) {
    answer.miss_reason = "UNSEEN_ARCHIVE";
    return;
  }
  answer.miss =
      ExplainMiss(deps_.index, deps_.clock, key, inputs, reference, spec.force);
  answer.miss_reason = answer.miss.reason;
}

absl::StatusOr<PackAnswer> PackService::PackImage(const PackSpec& spec,
                                                  const ImageSource& source,
                                                  const Packer& packer,
                                                  const CancelToken& cancel) {
  ASSIGN_OR_RETURN(std::string reference,
                   NormalizedReference(source.reference));
  const std::shared_ptr<EngineClient> engine = deps_.engines.Get(source.engine);
  const Platform platform = HostPlatform();
  ASSIGN_OR_RETURN(const EngineImage image,
                   engine->InspectImage(reference, platform, cancel));
  if (!source.name.empty()) {
    reference = source.name;
  }
  const Digest key = ImageKey(image, spec.options, packer);
  if (!spec.force) {
    ASSIGN_OR_RETURN(std::optional<ArtifactRecord> cached,
                     FindCached(deps_.index, deps_.objects, deps_.clock, key,
                                reference, deps_.changes, spec.job_class));
    if (cached.has_value()) {
      PackAnswer answer;
      answer.artifact = *std::move(cached);
      return answer;
    }
  }
  PackAnswer why;
  Explain(spec, key, ImageKeyInputs(image, spec.options, packer), reference,
          why);
  // By its ID, since the reference may mean another image by then.
  PackSpec pinned = spec;
  pinned.source = ImageSource{.reference = image.id.ToString(),
                              .engine = source.engine,
                              .name = reference};
  ASSIGN_OR_RETURN(
      PackAnswer answer,
      Submit(pinned, key.hex(), key, reference, [&]() -> Scheduler::Work {
        return [deps = MakeDeps(), side = MakeSide(), engine, image, platform,
                key, input = MakeInput(spec, packer, reference)](Job& job) {
          return RunImagePipeline(deps, side, engine, image, platform, key,
                                  input, job);
        };
      }));
  answer.miss = std::move(why.miss);
  answer.miss_reason = std::move(why.miss_reason);
  return answer;
}

absl::Status PackService::CheckArchive(const ArchiveFileSource& source) {
  if (source.path.empty() || source.path.front() != '/' ||
      source.path.find('\0') != std::string::npos) {
    return BadArchivePath(source.path);
  }
  return source.reference.empty()
             ? absl::OkStatus()
             : ParseNormalizedReference(source.reference).status();
}

absl::StatusOr<PackAnswer> PackService::PackArchive(
    const PackSpec& spec, const ArchiveFileSource& source,
    const Packer& packer) {
  RETURN_IF_ERROR(CheckArchive(source));
  ASSIGN_OR_RETURN(const ArchiveIdentity file,
                   IdentifyArchive(source.path, source.reference));
  const std::string options_json = ArchiveOptionsJson(spec.options, packer);
  ASSIGN_OR_RETURN(const std::optional<Digest> key,
                   deps_.index.FindArchive(file, options_json));
  const std::string& name =
      source.reference.empty() ? source.path : source.reference;
  if (key.has_value() && !spec.force) {
    ASSIGN_OR_RETURN(std::optional<ArtifactRecord> cached,
                     FindCached(deps_.index, deps_.objects, deps_.clock, *key,
                                name, deps_.changes, spec.job_class));
    if (cached.has_value()) {
      PackAnswer answer;
      answer.artifact = *std::move(cached);
      return answer;
    }
  }
  PackAnswer why;
  Explain(spec, key.value_or(Digest()), "", name, why);
  ASSIGN_OR_RETURN(PackAnswer answer,
                   Start(spec, FileFlightKey(file, options_json), source.path,
                         MakeArchiveInput(spec, source, file, packer)));
  answer.miss = std::move(why.miss);
  answer.miss_reason = std::move(why.miss_reason);
  return answer;
}

absl::StatusOr<PackAnswer> PackService::PackUpload(const PackSpec& spec,
                                                   const UploadedSource& source,
                                                   const Packer& packer) {
  if (!source.reference.empty()) {
    RETURN_IF_ERROR(ParseNormalizedReference(source.reference).status());
  }
  ASSIGN_OR_RETURN(const Uploads::Upload upload,
                   deps_.uploads.Create(options_.upload_timeout));
  const std::string& name =
      source.reference.empty() ? source.name : source.reference;
  PipelineInput input = MakeInput(spec, packer, name);
  input.open = [reader = upload.reader](const CancelToken& token)
      -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    return reader->Open(token);
  };
  input.one_shot = true;
  input.archive.reference = source.reference;
  ASSIGN_OR_RETURN(PackAnswer answer, Start(spec, "upload:" + upload.id,
                                            source.name, std::move(input)));
  answer.upload_id = upload.id;
  Explain(spec, Digest(), "", name, answer);
  return answer;
}

absl::StatusOr<PackAnswer> PackService::PackBuild(const PackSpec& spec,
                                                  const BuildSource& source,
                                                  const Packer& packer) {
  RETURN_IF_ERROR(ValidateBuild(source.build));
  std::string name = source.build.context;
  if (!source.build.tag.empty()) {
    ASSIGN_OR_RETURN(name, NormalizedReference(source.build.tag));
  }
  // Without a fingerprint no two builds are one: the files may have changed
  // between them.
  const std::string flight =
      source.fingerprint.empty()
          ? "build:" + RandomHex(kFlightBytes)
          : fmt::format("build:{}:{}:{}", source.fingerprint,
                        source.engine.host,
                        ArchiveOptionsJson(spec.options, packer));
  ASSIGN_OR_RETURN(
      PackAnswer answer,
      Submit(spec, flight, Digest(), name, [&]() -> Scheduler::Work {
        return [deps = MakeDeps(), side = MakeSide(), build = source.build,
                engine = deps_.engines.Get(source.engine),
                fingerprint = source.fingerprint,
                input = MakeInput(spec, packer, name)](Job& job) {
          return RunBuildPipeline(deps, side, build, fingerprint, engine, input,
                                  job);
        };
      }));
  answer.miss_reason = "BUILD";
  return answer;
}

}  // namespace bottled
