#include "engine/description.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/errors.h"
#include "image/json.h"

namespace bottled {
namespace {

using nlohmann::json;

constexpr size_t kMaxText = 512;
constexpr size_t kMaxOptions = 64;

struct Field {
  const char* name;
  std::string EngineDescription::* member;
};
constexpr Field kFields[] = {
    {"ID", &EngineDescription::id},
    {"Name", &EngineDescription::name},
    {"OSType", &EngineDescription::os},
    {"OperatingSystem", &EngineDescription::operating_system},
    {"ServerVersion", &EngineDescription::server_version},
    {"Driver", &EngineDescription::driver},
    {"KernelVersion", &EngineDescription::kernel},
    {"DockerRootDir", &EngineDescription::root_dir},
};

// dockerd: an entry "name=rootless" (moby daemon/info.go); podman: that, or a
// member of its own.
bool IsRootless(const json& info, const std::vector<std::string>& options) {
  const json& member = Member(info, "Rootless");
  if (member.is_boolean() && member.get<bool>()) {
    return true;
  }
  return std::any_of(options.begin(), options.end(),
                     [](const std::string& option) {
                       return option == "name=rootless" ||
                              option.starts_with("name=rootless,");
                     });
}

bool IsNamed(const std::string& name, std::string_view product) {
  return name == product || (name.starts_with(product) &&
                             name.substr(product.size()).starts_with('-'));
}

// Desktop and OrbStack name themselves as the operating system; the others run
// a distribution's dockerd in a VM whose host name their own code sets (colima
// environment/vm/lima, rancher-desktop lima-config.yaml, lima's "lima-NAME").
EngineKind KindOf(const EngineDescription& engine, bool podman) {
  if (engine.operating_system == "Docker Desktop" ||
      engine.name == "docker-desktop") {
    return EngineKind::kDockerDesktop;
  }
  if (engine.operating_system == "OrbStack") {
    return EngineKind::kOrbStack;
  }
  if (podman) {
    return EngineKind::kPodman;
  }
  if (engine.name == "lima-rancher-desktop") {
    return EngineKind::kRancherDesktop;
  }
  if (IsNamed(engine.name, "colima")) {
    return EngineKind::kColima;
  }
  if (engine.name.starts_with("lima-")) {
    return EngineKind::kLima;
  }
  return engine.rootless ? EngineKind::kRootless : EngineKind::kNative;
}

bool KindRunsInVm(EngineKind kind) {
  switch (kind) {
    case EngineKind::kDockerDesktop:
    case EngineKind::kOrbStack:
    case EngineKind::kColima:
    case EngineKind::kRancherDesktop:
    case EngineKind::kLima:
      return true;
    case EngineKind::kNative:
    case EngineKind::kRootless:
    case EngineKind::kPodman:
      return false;
  }
  return false;
}

}  // namespace

std::string_view EngineKindName(EngineKind kind) {
  switch (kind) {
    case EngineKind::kNative:
      return "native";
    case EngineKind::kRootless:
      return "rootless";
    case EngineKind::kDockerDesktop:
      return "Docker Desktop";
    case EngineKind::kOrbStack:
      return "OrbStack";
    case EngineKind::kColima:
      return "Colima";
    case EngineKind::kRancherDesktop:
      return "Rancher Desktop";
    case EngineKind::kLima:
      return "Lima";
    case EngineKind::kPodman:
      return "podman";
  }
  return "native";
}

absl::StatusOr<EngineDescription> ParseDescription(
    std::string_view info_json, std::string_view host_kernel) {
  const std::optional<json> info = ParseJson(info_json);
  if (!info.has_value() || !info->is_object()) {
    return EngineAnswerInvalid("its description is not a JSON object");
  }
  EngineDescription out;
  for (const Field& field : kFields) {
    std::string text;
    if (!ReadText(Member(*info, field.name), &text)) {
      return EngineAnswerInvalid(
          std::string("its description has a wrong type for ") + field.name);
    }
    out.*field.member = Printable(text, kMaxText);
  }
  std::vector<std::string> options;
  if (!ReadTexts(Member(*info, "SecurityOptions"), &options)) {
    return EngineAnswerInvalid(
        "its description has a wrong type for SecurityOptions");
  }
  out.rootless = IsRootless(*info, options);
  options.resize(std::min(options.size(), kMaxOptions));
  for (const std::string& option : options) {
    out.security_options.push_back(Printable(option, kMaxText));
  }
  out.kind = KindOf(out, !Member(*info, "BuildahVersion").is_null());
  // What a list of products misses (podman machine, a remote host), the kernel
  // tells: an engine of this host has this host's.
  const bool other_kernel = !host_kernel.empty() && !out.kernel.empty() &&
                            out.kernel != Printable(host_kernel, kMaxText);
  out.in_vm = KindRunsInVm(out.kind) || other_kernel;
  return out;
}

}  // namespace bottled
