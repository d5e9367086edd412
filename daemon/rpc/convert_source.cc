#include "rpc/convert_source.h"

#include <optional>

#include "base/status_macros.h"
#include "rpc/errors.h"

namespace bottled {

absl::Status CheckText(const std::string& text, size_t max_bytes,
                       std::string_view what) {
  if (text.size() > max_bytes) {
    return BadRequest(std::string(what) + " is too long");
  }
  if (text.find('\0') != std::string::npos) {
    return BadRequest(std::string(what) + " holds a NUL byte");
  }
  return absl::OkStatus();
}

absl::Status CheckPath(const std::string& path, std::string_view what) {
  RETURN_IF_ERROR(CheckText(path, kMaxPathBytes, what));
  if (!path.empty() && path.front() != '/') {
    return BadRequest(std::string(what) + " must be absolute");
  }
  return absl::OkStatus();
}

absl::StatusOr<EngineEndpoint> EndpointFromProto(
    const v1::EngineEndpoint& engine) {
  EngineEndpoint endpoint{.host = engine.host(),
                          .tls_dir = engine.tls_dir(),
                          .skip_tls_verify = engine.skip_tls_verify(),
                          .origin = engine.origin()};
  RETURN_IF_ERROR(ValidateEndpoint(endpoint));
  return endpoint;
}

absl::StatusOr<std::optional<EngineEndpoint>> OptionalEngine(
    bool has_engine, const v1::EngineEndpoint& engine,
    const absl::StatusOr<EngineEndpoint>& default_engine) {
  std::optional<EngineEndpoint> out;
  if (has_engine) {
    ASSIGN_OR_RETURN(out, EndpointFromProto(engine));
  } else if (default_engine.ok()) {
    out = *default_engine;
  }
  return out;
}

absl::StatusOr<std::string> ReferenceFromProto(
    const v1::LocalImageSource& image) {
  const std::string& reference = image.reference();
  RETURN_IF_ERROR(CheckText(reference, kMaxReferenceBytes, "The reference"));
  if (reference.empty()) {
    return BadRequest("The image reference is empty");
  }
  return reference;
}

absl::StatusOr<ArchiveFileSource> ArchiveFromProto(
    const v1::ArchiveSource& archive) {
  RETURN_IF_ERROR(
      CheckText(archive.reference(), kMaxReferenceBytes, "The reference"));
  RETURN_IF_ERROR(CheckPath(archive.path(), "The archive's path"));
  if (archive.path().empty()) {
    return BadRequest("The archive's path is empty");
  }
  return ArchiveFileSource{.path = archive.path(),
                           .reference = archive.reference()};
}

absl::StatusOr<BuildSpec> BuildFromProto(const v1::BuildSource& source) {
  BuildSpec build{.context = source.context(),
                  .dockerfile = source.dockerfile(),
                  .target = source.target(),
                  .platform = source.platform(),
                  .secrets = {source.secrets().begin(), source.secrets().end()},
                  .ssh = {source.ssh().begin(), source.ssh().end()},
                  .pull = source.pull(),
                  .no_cache = source.no_cache(),
                  .tag = source.tag()};
  for (const v1::BuildArg& arg : source.args()) {
    build.args.push_back(
        {.name = arg.name(),
         .value = arg.has_value() ? std::optional(arg.value()) : std::nullopt});
  }
  build.environment.insert(source.environment().begin(),
                           source.environment().end());
  RETURN_IF_ERROR(ValidateBuild(build));
  return build;
}

absl::StatusOr<PackerKind> PackerFromProto(const std::string& word) {
  const std::optional<PackerKind> kind =
      word.empty() ? PackerKind::kAuto : ParsePacker(word);
  if (!kind.has_value()) {
    return BadRequest("Unknown packer \"" + word +
                      "\"; this daemon has auto, native, smolvm and push");
  }
  return *kind;
}

absl::StatusOr<PackOptions> OptionsFromProto(const v1::PackOptions& options) {
  PackOptions out;
  if (options.cpus() != 0) {
    out.cpus = options.cpus();
  }
  if (options.memory_mib() != 0) {
    out.memory_mib = options.memory_mib();
  }
  RETURN_IF_ERROR(ValidatePackOptions(out));
  return out;
}

}  // namespace bottled
