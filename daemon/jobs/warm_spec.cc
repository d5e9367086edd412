#include "jobs/warm_spec.h"

#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "base/status_macros.h"
#include "image/digest.h"
#include "image/json.h"
#include "jobs/errors.h"
#include "jobs/kept_environment.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr size_t kWarmIdDigits = 12;

absl::Status CheckBuild(const BuildSpec& build) {
  if (!build.context.starts_with('/')) {
    return BadWarmTarget("only directories of this machine can be kept warm");
  }
  if (!build.args.empty() || !build.secrets.empty() || !build.ssh.empty()) {
    return BadWarmTarget(
        "build arguments, secrets and ssh are not stored, so a build that "
        "needs them cannot be kept warm");
  }
  return build.pull || build.no_cache
             ? BadWarmTarget(
                   "a build that is never the same as before (pull, "
                   "no_cache) cannot be kept warm")
             : absl::OkStatus();
}

absl::StatusOr<json> EncodeWarmSource(const PrepareSpec& spec) {
  if (!spec.bottle.agent.empty()) {
    return json{{"agent", spec.bottle.agent},
                {"bottles", spec.bottle.bottles},
                {"home", spec.bottle.home},
                {"cwd", spec.bottle.cwd},
                {"default_image", spec.default_image}};
  }
  if (const auto* image = std::get_if<std::string>(&spec.source)) {
    return json{{"image", *image}};
  }
  const auto* build = std::get_if<BuildSpec>(&spec.source);
  if (build == nullptr) {
    return BadWarmTarget("an image, a build or an agent is needed");
  }
  RETURN_IF_ERROR(CheckBuild(*build));
  return json{{"build", build->context},
              {"dockerfile", build->dockerfile},
              {"target", build->target},
              {"platform", build->platform},
              {"tag", build->tag}};
}

std::string TextOf(const json& object, const char* name) {
  std::string text;
  ReadText(Member(object, name), &text);
  return text;
}

void DecodeWarmSource(const json& object, PrepareSpec& spec) {
  if (std::string agent = TextOf(object, "agent"); !agent.empty()) {
    spec.bottle.agent = std::move(agent);
    ReadTexts(Member(object, "bottles"), &spec.bottle.bottles);
    spec.bottle.home = TextOf(object, "home");
    spec.bottle.cwd = TextOf(object, "cwd");
    spec.default_image = TextOf(object, "default_image");
  } else if (std::string image = TextOf(object, "image"); !image.empty()) {
    spec.source = std::move(image);
  } else if (std::string context = TextOf(object, "build"); !context.empty()) {
    BuildSpec build;
    build.context = std::move(context);
    build.dockerfile = TextOf(object, "dockerfile");
    build.target = TextOf(object, "target");
    build.platform = TextOf(object, "platform");
    build.tag = TextOf(object, "tag");
    spec.source = std::move(build);
  }
}

int64_t NumberOf(const json& object, const char* name) {
  const json& value = Member(object, name);
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}

std::string Dumped(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

// What the builder gets: of a build its own, else that of what the manifest
// asks for.
const std::map<std::string, std::string>& EnvironmentOf(
    const PrepareSpec& spec) {
  const auto* build = std::get_if<BuildSpec>(&spec.source);
  return build != nullptr && !build->environment.empty()
             ? build->environment
             : spec.build_environment;
}

}  // namespace

WarmKind WarmKindOf(const PrepareSpec& spec) {
  if (!spec.bottle.agent.empty()) {
    return WarmKind::kAgent;
  }
  return std::holds_alternative<BuildSpec>(spec.source) ? WarmKind::kBuild
                                                        : WarmKind::kImage;
}

std::string WarmNameOf(const PrepareSpec& spec) {
  if (!spec.bottle.agent.empty()) {
    return spec.bottle.agent;
  }
  if (const auto* build = std::get_if<BuildSpec>(&spec.source)) {
    return build->context;
  }
  const auto* image = std::get_if<std::string>(&spec.source);
  return image != nullptr ? *image : "";
}

absl::StatusOr<WarmTarget> MakeWarmTarget(const PrepareSpec& spec,
                                          int64_t now_ms) {
  RETURN_IF_ERROR(spec.engine.status());
  ASSIGN_OR_RETURN(json object, EncodeWarmSource(spec));
  object["engine"] = {{"host", spec.engine->host},
                      {"tls_dir", spec.engine->tls_dir},
                      {"skip_tls_verify", spec.engine->skip_tls_verify}};
  object["packer"] = PackerWord(spec.packer);
  object["cpus"] = spec.options.cpus;
  object["memory_mib"] = spec.options.memory_mib;
  WarmTarget target;
  target.id = Sha256Of(Dumped(object)).hex().substr(0, kWarmIdDigits);
  object["environment"] = KeptEnvironment(EnvironmentOf(spec));
  target.kind = WarmKindOf(spec);
  target.name = WarmNameOf(spec);
  target.spec = Dumped(object);
  target.created_ms = now_ms;
  return target;
}

absl::StatusOr<PrepareSpec> DecodeWarmSpec(std::string_view text) {
  const std::optional<json> object = ParseJson(text);
  if (!object.has_value()) {
    return BadWarmTarget("its stored form cannot be read");
  }
  PrepareSpec spec;
  DecodeWarmSource(*object, spec);
  const json& engine = Member(*object, "engine");
  const json& skip = Member(engine, "skip_tls_verify");
  const EngineEndpoint endpoint{
      .host = TextOf(engine, "host"),
      .tls_dir = TextOf(engine, "tls_dir"),
      .skip_tls_verify = skip.is_boolean() && skip.get<bool>(),
      .origin = "warm target"};
  const std::optional<PackerKind> packer =
      ParsePacker(TextOf(*object, "packer"));
  if (WarmNameOf(spec).empty() || !packer.has_value() ||
      !ValidateEndpoint(endpoint).ok()) {
    return BadWarmTarget("its stored form cannot be read");
  }
  spec.engine = endpoint;
  spec.bottle.engine = endpoint;
  spec.packer = *packer;
  spec.options.cpus = static_cast<int>(NumberOf(*object, "cpus"));
  spec.options.memory_mib = static_cast<int>(NumberOf(*object, "memory_mib"));
  for (const auto& [name, value] : Member(*object, "environment").items()) {
    if (value.is_string()) {
      spec.build_environment[name] = value.get<std::string>();
    }
  }
  if (auto* build = std::get_if<BuildSpec>(&spec.source)) {
    build->environment = spec.build_environment;
  }
  spec.job_class = JobClass::kWarm;
  return spec;
}

}  // namespace bottled
