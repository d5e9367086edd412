#include "jobs/repeat_spec.h"

#include <utility>
#include <variant>

#include "image/json.h"
#include "jobs/kept_environment.h"

namespace bottled {
namespace {

using nlohmann::json;

json EncodeEngine(const EngineEndpoint& engine) {
  return {{"host", engine.host},
          {"tls_dir", engine.tls_dir},
          {"skip_tls_verify", engine.skip_tls_verify},
          {"origin", engine.origin}};
}

// Null for a source that nobody can read again.
json EncodeRepeatSource(const PackSpec& spec) {
  if (const auto* image = std::get_if<ImageSource>(&spec.source)) {
    return {{"image", image->reference},
            {"name", image->name},
            {"engine", EncodeEngine(image->engine)}};
  }
  if (const auto* file = std::get_if<ArchiveFileSource>(&spec.source)) {
    return {{"archive", file->path}, {"reference", file->reference}};
  }
  const auto* source = std::get_if<BuildSource>(&spec.source);
  if (source == nullptr || !HasNoSecrets(source->build) ||
      NeedsMoreThanKept(source->build.environment) ||
      source->engine.host.starts_with("ssh://")) {
    return nullptr;
  }
  const BuildSpec& build = source->build;
  return {{"build", build.context},
          {"dockerfile", build.dockerfile},
          {"target", build.target},
          {"platform", build.platform},
          {"pull", build.pull},
          {"no_cache", build.no_cache},
          {"tag", build.tag},
          {"environment", KeptEnvironment(build.environment)},
          {"engine", EncodeEngine(source->engine)}};
}

std::string StringIn(const json& object, const char* name) {
  std::string text;
  ReadText(Member(object, name), &text);
  return text;
}

bool FlagIn(const json& object, const char* name) {
  const json& value = Member(object, name);
  return value.is_boolean() && value.get<bool>();
}

int NumberIn(const json& object, const char* name) {
  const json& value = Member(object, name);
  return value.is_number_integer() ? value.get<int>() : 0;
}

std::optional<EngineEndpoint> DecodeEngine(const json& object) {
  EngineEndpoint engine{.host = StringIn(object, "host"),
                        .tls_dir = StringIn(object, "tls_dir"),
                        .skip_tls_verify = FlagIn(object, "skip_tls_verify"),
                        .origin = StringIn(object, "origin")};
  return ValidateEndpoint(engine).ok() ? std::optional(std::move(engine))
                                       : std::nullopt;
}

BuildSpec DecodeBuild(const json& object) {
  BuildSpec build;
  build.context = StringIn(object, "build");
  build.dockerfile = StringIn(object, "dockerfile");
  build.target = StringIn(object, "target");
  build.platform = StringIn(object, "platform");
  build.pull = FlagIn(object, "pull");
  build.no_cache = FlagIn(object, "no_cache");
  build.tag = StringIn(object, "tag");
  for (const auto& [name, value] : Member(object, "environment").items()) {
    if (value.is_string()) {
      build.environment[name] = value.get<std::string>();
    }
  }
  return build;
}

// False for text that names no source.
bool DecodeRepeatSource(const json& object, PackSpec& spec) {
  if (std::string path = StringIn(object, "archive"); !path.empty()) {
    spec.source = ArchiveFileSource{.path = std::move(path),
                                    .reference = StringIn(object, "reference")};
    return true;
  }
  const std::optional<EngineEndpoint> engine =
      DecodeEngine(Member(object, "engine"));
  if (!engine.has_value()) {
    return false;
  }
  if (std::string reference = StringIn(object, "image"); !reference.empty()) {
    spec.source = ImageSource{.reference = std::move(reference),
                              .engine = *engine,
                              .name = StringIn(object, "name")};
    return true;
  }
  BuildSpec build = DecodeBuild(object);
  if (!ValidateBuild(build).ok()) {
    return false;
  }
  spec.source = BuildSource{
      .build = std::move(build), .engine = *engine, .fingerprint = ""};
  return true;
}

}  // namespace

std::string EncodeRepeat(const PackSpec& spec) {
  json object = EncodeRepeatSource(spec);
  if (object.is_null()) {
    return "";
  }
  object["packer"] = PackerWord(spec.packer);
  object["search_path"] = spec.search_path;
  object["cpus"] = spec.options.cpus;
  object["memory_mib"] = spec.options.memory_mib;
  object["force"] = spec.force;
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<PackSpec> DecodeRepeat(std::string_view text) {
  const std::optional<json> object = ParseJson(text);
  if (!object.has_value()) {
    return std::nullopt;
  }
  PackSpec spec;
  const std::optional<PackerKind> packer =
      ParsePacker(StringIn(*object, "packer"));
  if (!packer.has_value() || !DecodeRepeatSource(*object, spec)) {
    return std::nullopt;
  }
  spec.packer = *packer;
  spec.search_path = StringIn(*object, "search_path");
  spec.options.cpus = NumberIn(*object, "cpus");
  spec.options.memory_mib = NumberIn(*object, "memory_mib");
  spec.force = FlagIn(*object, "force");
  return ValidatePackOptions(spec.options).ok() ? std::optional(std::move(spec))
                                                : std::nullopt;
}

}  // namespace bottled
