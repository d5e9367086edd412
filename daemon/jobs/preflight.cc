#include "jobs/preflight.h"

#include <sys/stat.h>

#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "image/platform.h"
#include "pack/errors.h"
#include "platform/file.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kFull = 512 * kMiB;
constexpr int64_t kLow = 5 * 1024 * kMiB;
constexpr size_t kMaxPath = 1024;
// The first release whose machines keep --allow-cidr when they are made with
// --from (ecosystem.md §4.1).
constexpr const char* kOldestSmolvm = "1.8.0";

Finding Good(std::string_view check, std::string message) {
  return {.check = std::string(check),
          .level = Level::kOk,
          .reason = "",
          .message = std::move(message),
          .remedy = ""};
}

Finding Bad(std::string_view check, Level level, const absl::Status& status) {
  const ErrorDetail detail = GetErrorDetail(status);
  return {.check = std::string(check),
          .level = level,
          .reason = detail.reason,
          .message = std::string(status.message()),
          .remedy = detail.remedy};
}

// `missing` is how bad it is when there is none at all.
Finding SmolvmFinding(const absl::StatusOr<SmolvmProgram>& program,
                      Level missing) {
  constexpr std::string_view kCheck = "smolvm";
  if (!program.ok()) {
    return Bad(
        kCheck,
        HasReason(program.status(), kSmolvmNotFound) ? missing : Level::kFail,
        program.status());
  }
  if (!program->AtLeast(1, 8, 0)) {
    return Bad(
        kCheck, Level::kFail,
        SmolvmTooOldError(program->path, program->version, kOldestSmolvm));
  }
  return Good(kCheck, fmt::format("smolvm {} at {}", program->version,
                                  Printable(program->path, kMaxPath)));
}

std::string_view KvmReason(KvmStatus::State state) {
  switch (state) {
    case KvmStatus::State::kAbsent:
      return "KVM_ABSENT";
    case KvmStatus::State::kDenied:
      return "KVM_DENIED";
    case KvmStatus::State::kOk:
    case KvmStatus::State::kOther:
      break;
  }
  return "KVM_UNUSABLE";
}

std::string_view KvmRemedy(KvmStatus::State state) {
  switch (state) {
    case KvmStatus::State::kAbsent:
      return "Turn virtualisation on in the firmware and load kvm_intel or "
             "kvm_amd. In a virtual machine, turn on nested virtualisation on "
             "its host; a container needs --device /dev/kvm.";
    case KvmStatus::State::kDenied:
      return "Join the group that owns it, mostly with: sudo usermod -aG kvm "
             "\"$USER\". Then log out of all sessions and in again, and "
             "restart the daemon.";
    case KvmStatus::State::kOk:
    case KvmStatus::State::kOther:
      break;
  }
  return "See whether another hypervisor has the processor's extensions, and "
         "what the kernel's log says of kvm.";
}

// What a volume is written for.
struct Volume {
  fs::path path;
  const char* remedy;
};

// Volumes that are one device.
struct Device {
  bool known = false;
  dev_t id = 0;
  // Exists; `paths` may not yet.
  fs::path probe;
  std::vector<Volume> volumes;
};

// The nearest directory that is there.
fs::path Existing(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_parent_path() &&
         path != path.parent_path()) {
    path = path.parent_path();
  }
  return path;
}

std::vector<Device> ByDevice(const std::vector<Volume>& volumes) {
  std::vector<Device> devices;
  for (const Volume& volume : volumes) {
    Device found;
    found.probe = Existing(volume.path);
    struct stat info = {};
    if (::stat(found.probe.c_str(), &info) == 0) {
      found.known = true;
      found.id = info.st_dev;
    }
    bool joined = false;
    for (Device& device : devices) {
      if (found.known && device.known && device.id == found.id) {
        device.volumes.push_back(volume);
        joined = true;
        break;
      }
    }
    if (!joined) {
      found.volumes.push_back(volume);
      devices.push_back(std::move(found));
    }
  }
  return devices;
}

std::string Names(const std::vector<Volume>& volumes) {
  std::string names;
  for (size_t i = 0; i < volumes.size(); ++i) {
    if (i > 0) {
      names += i + 1 == volumes.size() ? " and " : ", ";
    }
    names += Printable(volumes[i].path.native(), kMaxPath);
  }
  return names;
}

Finding DiskFinding(const Device& device,
                    const absl::StatusOr<int64_t>& free_bytes) {
  constexpr std::string_view kCheck = "disk";
  if (!free_bytes.ok()) {
    return Bad(kCheck, Level::kWarn, free_bytes.status());
  }
  const std::string message = fmt::format(
      "{} free for {}", FormatBytes(*free_bytes), Names(device.volumes));
  if (*free_bytes >= kLow) {
    return Good(kCheck, message);
  }
  const bool full = *free_bytes < kFull;
  std::string remedy;
  for (const Volume& volume : device.volumes) {
    if (remedy.find(volume.remedy) == std::string::npos) {
      remedy += remedy.empty() ? "" : " ";
      remedy += volume.remedy;
    }
  }
  return {.check = std::string(kCheck),
          .level = full ? Level::kFail : Level::kWarn,
          .reason = full ? "DISK_FULL" : "DISK_LOW",
          .message = "only " + message,
          .remedy = std::move(remedy)};
}

}  // namespace

Preflight::Machine Preflight::Machine::This() {
  std::error_code error;
  fs::path temporary_dir = fs::temp_directory_path(error);
  if (error) {
    // $TMPDIR names no directory; what uses it will say so. /tmp is what is
    // left.
    temporary_dir = "/tmp";
  }
  return {.temporary_dir = std::move(temporary_dir),
          .free_bytes = FreeBytes,
          .kvm = [] { return CheckKvm(KvmDevice()); }};
}

Finding Preflight::CheckEngine(const absl::StatusOr<EngineEndpoint>& engine,
                               const CancelToken& cancel) {
  constexpr std::string_view kCheck = "engine";
  // Describe() really asks, while Negotiate() may answer from memory; so the
  // version that it gives here is that of the client that just asked.
  const auto look = [&]() -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(const EngineEndpoint endpoint, engine);
    const std::shared_ptr<EngineClient> client = deps_.engines.Get(endpoint);
    ASSIGN_OR_RETURN(const EngineDescription description,
                     client->Describe(cancel));
    ASSIGN_OR_RETURN(const EngineInfo info, client->Negotiate(cancel));
    std::string text = info.podman ? "podman" : "docker";
    if (!description.server_version.empty()) {
      text += " " + description.server_version;
    }
    if (description.kind != EngineKind::kNative &&
        description.kind != EngineKind::kPodman) {
      text += fmt::format(" ({})", EngineKindName(description.kind));
    }
    text += fmt::format(" at {}, API {}", Printable(endpoint.host, kMaxPath),
                        info.api.ToString());
    if (!description.driver.empty()) {
      text += ", store " + description.driver;
    }
    if (description.rootless && description.kind != EngineKind::kRootless) {
      text += ", rootless";
    }
    if (description.in_vm) {
      text += ", in a virtual machine";
    }
    return text;
  };
  absl::StatusOr<std::string> text = look();
  return text.ok() ? Good(kCheck, *std::move(text))
                   : Bad(kCheck, Level::kFail, text.status());
}

Finding Preflight::CheckPush(const std::shared_ptr<EngineClient>& engine,
                             const CancelToken& cancel) {
  constexpr std::string_view kCheck = "push";
  const std::string& image = deps_.registries->image();
  if (HasReason(engine->InspectImage(image, HostPlatform(), cancel).status(),
                "IMAGE_NOT_FOUND")) {
    return Good(kCheck,
                fmt::format("not measured: the engine has no image {}, which "
                            "only --packer push needs",
                            Printable(image, kMaxPath)));
  }
  const absl::StatusOr<std::unique_ptr<Registries::Use>> registry =
      deps_.registries->Acquire(engine, [](const std::string&) {}, cancel);
  if (!registry.ok()) {
    return Bad(kCheck, Level::kWarn, registry.status());
  }
  const RegistryRoute& route = (*registry)->route();
  const absl::StatusOr<std::vector<RegistryProbe>> evidence =
      deps_.registries->ProbeAll(*engine, **registry, cancel);
  if (!evidence.ok()) {
    return Bad(kCheck, Level::kWarn, evidence.status());
  }
  return Good(kCheck, fmt::format("the engine pushes to {}, smolvm pulls from "
                                  "{}; measured: {}",
                                  route.push_address, route.pull_address,
                                  EvidenceText(*evidence)));
}

Finding Preflight::CheckMachine(Level missing) {
  constexpr std::string_view kCheck = "kvm";
  KvmStatus status = machine_.kvm();
  if (status.state == KvmStatus::State::kOk) {
    return Good(kCheck, std::move(status.message));
  }
  return {.check = std::string(kCheck),
          .level = missing,
          .reason = std::string(KvmReason(status.state)),
          .message = status.message + "; machines cannot be launched",
          .remedy = std::string(KvmRemedy(status.state))};
}

void Preflight::CheckDisks(std::vector<Finding>& findings) {
  const std::vector<Volume> volumes = {
      {deps_.places.state_dir,
       "Free some space there: without it nothing can be noted."},
      {deps_.places.cache_dir,
       "Remove artifacts that are not needed: bottlectl cache ls, bottlectl "
       "cache rm."},
      {machine_.temporary_dir,
       "Remove temporary files, or restart the daemon with TMPDIR on a larger "
       "disk."},
  };
  if (deps_.disk != nullptr) {
    if (const absl::Status full = deps_.disk->Check(); !full.ok()) {
      findings.push_back(Bad("disk", Level::kFail, full));
    }
  }
  for (const Device& device : ByDevice(volumes)) {
    findings.push_back(DiskFinding(device, machine_.free_bytes(device.probe)));
  }
}

std::vector<Finding> Preflight::Diagnose(
    const absl::StatusOr<EngineEndpoint>& engine, const std::string& path,
    const CancelToken& cancel) {
  std::vector<Finding> findings;
  findings.push_back(CheckEngine(engine, cancel));
  if (deps_.registries != nullptr && findings.back().level == Level::kOk) {
    findings.push_back(CheckPush(deps_.engines.Get(*engine), cancel));
  }
  findings.push_back(
      SmolvmFinding(deps_.smolvm.Refresh(path, cancel), Level::kWarn));
  findings.push_back(CheckMachine(Level::kWarn));
  CheckDisks(findings);
  return findings;
}

std::vector<Finding> Preflight::Launch(const std::string& path,
                                       const CancelToken& cancel) {
  std::vector<Finding> findings;
  findings.push_back(
      SmolvmFinding(deps_.smolvm.Find(path, cancel), Level::kFail));
  findings.push_back(CheckMachine(Level::kFail));
  CheckDisks(findings);
  return findings;
}

}  // namespace bottled
