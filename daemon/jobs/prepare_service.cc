#include "jobs/prepare_service.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "image/digest.h"
#include "jobs/build_fingerprint.h"
#include "jobs/errors.h"

namespace bottled {
namespace {

constexpr size_t kNameDigits = 12;

// The name under which the engine keeps an image that the user gave none: the
// same for each build of one context, so that only the newest is kept.
std::string KeptName(const BuildSpec& build) {
  const std::string what = build.context + '\n' + build.dockerfile + '\n' +
                           build.target + '\n' + build.platform;
  return "bottled.local/prepare:" + Sha256Of(what).hex().substr(0, kNameDigits);
}

// The build that the manifest asks for, if it does.
std::optional<BuildSpec> ManifestBuild(
    const Manifest& manifest,
    const std::map<std::string, std::string>& environment) {
  const std::string& dockerfile = manifest.bottle.provider.dockerfile;
  if (dockerfile.empty()) {
    return std::nullopt;
  }
  BuildSpec build;
  build.dockerfile = dockerfile;
  build.context = std::filesystem::path(dockerfile).parent_path().native();
  build.environment = environment;
  return build;
}

// What a resumed bottle is made from when it is not built anew. The build of a
// request is not kept as such: its arguments may be secret. The manifest's is
// in the manifest.
void RememberBuild(const PrepareSpec& spec, const BuildSpec& build,
                   BottleDraft& draft) {
  if (std::holds_alternative<BuildSpec>(spec.source)) {
    draft.record.source = EncodeSource(build.tag);
  }
}

std::string SearchPath(const PrepareSpec& spec) {
  const auto path = spec.build_environment.find("PATH");
  return path == spec.build_environment.end() ? "" : path->second;
}

void AddFindings(const std::vector<Finding>& findings,
                 std::vector<Warning>& warnings) {
  for (const Finding& finding : findings) {
    if (finding.level != Finding::Level::kOk) {
      warnings.push_back(
          {.reason = finding.reason,
           .message = finding.remedy.empty()
                          ? finding.message
                          : finding.message + ". " + finding.remedy});
    }
  }
}

}  // namespace

absl::StatusOr<Prepared> PrepareService::Prepare(const PrepareSpec& spec,
                                                 const CancelToken& cancel) {
  ASSIGN_OR_RETURN(BottleDraft draft, deps_.bottles.Draft(spec.bottle));
  ASSIGN_OR_RETURN(PackAnswer answer, Pack(spec, draft, cancel));
  if (const std::string path = SearchPath(spec); !path.empty()) {
    AddFindings(deps_.preflight.Launch(path, cancel), draft.warnings);
  }
  draft.artifact.reset();
  if (answer.artifact.has_value()) {
    draft.artifact = answer.artifact->digest.ToString();
  }
  ASSIGN_OR_RETURN(Plan plan, deps_.bottles.Commit(std::move(draft), cancel));
  Prepared prepared{.plan = std::move(plan), .job = std::nullopt};
  if (answer.job != nullptr) {
    prepared.job = std::move(answer);
  }
  return prepared;
}

absl::StatusOr<BottleDraft> PrepareService::DraftFor(const PrepareSpec& spec) {
  return spec.bottle.agent.empty() ? absl::StatusOr<BottleDraft>(BottleDraft())
                                   : deps_.bottles.Draft(spec.bottle);
}

absl::StatusOr<PackAnswer> PrepareService::PackOnly(const PrepareSpec& spec,
                                                    const CancelToken& cancel) {
  ASSIGN_OR_RETURN(BottleDraft draft, DraftFor(spec));
  return Pack(spec, draft, cancel);
}

absl::StatusOr<std::optional<BuildSpec>> PrepareService::BuildOf(
    const PrepareSpec& spec) {
  if (const auto* build = std::get_if<BuildSpec>(&spec.source)) {
    return std::optional(*build);
  }
  if (!std::holds_alternative<std::monostate>(spec.source)) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const BottleDraft draft, DraftFor(spec));
  return ManifestBuild(draft.manifest, spec.build_environment);
}

absl::StatusOr<PackAnswer> PrepareService::Pack(const PrepareSpec& spec,
                                                BottleDraft& draft,
                                                const CancelToken& cancel) {
  SourceVariant source = spec.source;
  if (std::holds_alternative<std::monostate>(source)) {
    source = DecodeSource(draft.record.source);
  }
  if (std::holds_alternative<std::monostate>(source)) {
    if (std::optional<BuildSpec> build =
            ManifestBuild(draft.manifest, spec.build_environment)) {
      return PackBuild(spec, *std::move(build), draft, cancel);
    }
    if (spec.default_image.empty()) {
      return BadBottleRequest("The request names no image, and no default");
    }
    return PackImage(spec, spec.default_image, "", cancel);
  }
  if (const auto* build = std::get_if<BuildSpec>(&source)) {
    return PackBuild(spec, *build, draft, cancel);
  }
  draft.record.source = EncodeSource(source);
  if (const auto* image = std::get_if<std::string>(&source)) {
    return PackImage(spec, *image, "", cancel);
  }
  return deps_.packs.Pack({.packer = spec.packer,
                           .search_path = SearchPath(spec),
                           .source = std::get<ArchiveFileSource>(source),
                           .options = spec.options,
                           .fresh = spec.always_build,
                           .only_look = spec.only_look,
                           .tied = spec.tied,
                           .job_class = spec.job_class,
                           .client = spec.client},
                          cancel);
}

absl::StatusOr<PackAnswer> PrepareService::PackImage(
    const PrepareSpec& spec, const std::string& reference,
    const std::string& name, const CancelToken& cancel) {
  RETURN_IF_ERROR(spec.engine.status());
  return deps_.packs.Pack({.packer = spec.packer,
                           .search_path = SearchPath(spec),
                           .source = ImageSource{.reference = reference,
                                                 .engine = *spec.engine,
                                                 .name = name},
                           .options = spec.options,
                           .fresh = spec.always_build,
                           .only_look = spec.only_look,
                           .tied = spec.tied,
                           .job_class = spec.job_class,
                           .client = spec.client},
                          cancel);
}

absl::StatusOr<PackAnswer> PrepareService::PackBuild(
    const PrepareSpec& spec, BuildSpec build, BottleDraft& draft,
    const CancelToken& cancel) {
  RETURN_IF_ERROR(spec.engine.status());
  RETURN_IF_ERROR(ValidateBuild(build));
  ASSIGN_OR_RETURN(const std::string fingerprint,
                   BuildFingerprint(build, deps_.index.instance_id(), cancel));
  if (build.tag.empty()) {
    build.tag = KeptName(build);
  }
  RememberBuild(spec, build, draft);
  if (!fingerprint.empty() && !spec.always_build) {
    ASSIGN_OR_RETURN(const std::optional<Digest> image,
                     deps_.index.FindBuild(spec.engine->host, fingerprint));
    if (image.has_value()) {
      absl::StatusOr<PackAnswer> built =
          PackImage(spec, image->ToString(), build.tag, cancel);
      // It may have been pruned since.
      if (!HasReason(built.status(), "IMAGE_NOT_FOUND")) {
        return built;
      }
    }
  }
  return deps_.packs.Pack({.packer = spec.packer,
                           .search_path = SearchPath(spec),
                           .source = BuildSource{.build = std::move(build),
                                                 .engine = *spec.engine,
                                                 .fingerprint = fingerprint},
                           .options = spec.options,
                           .fresh = spec.always_build,
                           .only_look = spec.only_look,
                           .tied = spec.tied,
                           .job_class = spec.job_class,
                           .client = spec.client},
                          cancel);
}

}  // namespace bottled
