#include "jobs/registries.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/containers.h"
#include "engine/push.h"
#include "fmt/format.h"
#include "jobs/errors.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kPort = 5000;
constexpr int kPortTries = 10;
// An address that needs no name first: names are resolved in another way by
// each of the engine's parts (engines.md §7).
constexpr const char* kHosts[] = {"127.0.0.1", "localhost",
                                  "host.docker.internal"};
// A registry in use answers in a few milliseconds.
constexpr milliseconds kAliveLimit(2'000);
// How often a waiting thread looks at its token.
constexpr milliseconds kStartTick(100);
// How often idle ones are looked for.
constexpr milliseconds kIdleLook(1'000);
constexpr milliseconds kShortest(50);
constexpr int kSpoiledTries = 3;
constexpr size_t kNameBytes = 8;

std::string LocalAddress(const char* host, int port) {
  return fmt::format("{}:{}", host, port);
}

}  // namespace

std::string EvidenceText(const std::vector<RegistryProbe>& evidence) {
  std::string text;
  for (const RegistryProbe& probe : evidence) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", probe.address,
                        probe.evidence);
  }
  return text;
}

// One registry. What is not guarded belongs to the thread that starts it until
// the state changes, and is constant from then on.
struct Registries::Entry {
  enum class State { kStarting, kReady, kFailed };

  std::string host;
  std::unique_ptr<EngineObjects::Held> container;
  RegistryRoute route;
  int port = 0;

  // Guarded by Registries::mu_.
  State state = State::kStarting;
  absl::Status failure;
  int users = 1;
  steady_clock::time_point idle_since;
};

Registries::Registries(EngineObjects& objects, Options options)
    : objects_(objects), options_(std::move(options)) {
  reaper_ = std::thread([this] { RunReaper(); });
}

Registries::~Registries() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  reaper_.join();
}

Registries::Use::~Use() {
  // An entry that nobody can join any more ends with its last Use, after this:
  // its container is removed without the lock.
  MutexLock lock(owner_.mu_);
  --entry_->users;
  entry_->idle_since = steady_clock::now();
}

const RegistryRoute& Registries::Use::route() const { return entry_->route; }

void Registries::Use::Spoil() {
  MutexLock lock(owner_.mu_);
  const auto found = owner_.entries_.find(entry_->host);
  if (found != owner_.entries_.end() && found->second == entry_) {
    owner_.entries_.erase(found);
  }
}

absl::StatusOr<std::unique_ptr<Registries::Use>> Registries::Acquire(
    const std::shared_ptr<EngineClient>& engine, const Tell& tell,
    const CancelToken& cancel) {
  const std::string& host = engine->endpoint().host;
  for (int tries = 0;; ++tries) {
    std::shared_ptr<Entry> entry;
    bool mine = false;
    {
      MutexLock lock(mu_);
      std::shared_ptr<Entry>& slot = entries_[host];
      mine = slot == nullptr;
      if (mine) {
        slot = std::make_shared<Entry>();
        slot->host = host;
        changed_.NotifyAll();
      } else {
        ++slot->users;
      }
      entry = slot;
    }
    // From here on it is released on every way out.
    std::unique_ptr<Use> use(new Use(*this, entry));
    if (mine) {
      const absl::Status started = Start(*engine, *entry, tell, cancel);
      if (!started.ok()) {
        entry->container.reset();
      }
      MutexLock lock(mu_);
      entry->state =
          started.ok() ? Entry::State::kReady : Entry::State::kFailed;
      entry->failure = started;
      if (!started.ok()) {
        entries_.erase(host);
      }
      changed_.NotifyAll();
    }
    absl::Status state;
    {
      MutexLock lock(mu_);
      while (entry->state == Entry::State::kStarting && !cancel.Cancelled()) {
        changed_.WaitFor(mu_, kStartTick);
      }
      state = entry->failure;
    }
    RETURN_IF_ERROR(cancel.Check());
    if (state.ok() && !mine) {
      // The engine may have been restarted, and its containers with it.
      if (!WaitForRegistry(entry->route.pull_address, kAliveLimit, cancel)
               .ok()) {
        RETURN_IF_ERROR(cancel.Check());
        use->Spoil();
        if (tries < kSpoiledTries) {
          continue;
        }
        return RegistryFailed(options_.image, "it ends again and again");
      }
    }
    if (state.ok()) {
      return use;
    }
    // Whoever started it may have given up; that is not this caller's end.
    if (mine || !absl::IsCancelled(state)) {
      return state;
    }
  }
}

absl::Status Registries::Start(EngineClient& engine, Entry& entry,
                               const Tell& tell, const CancelToken& cancel) {
  for (int tries = 0;; ++tries) {
    ASSIGN_OR_RETURN(const int port, options_.free_port());
    absl::Status launched = Launch(engine, entry, port, cancel);
    if (HasReason(launched, "IMAGE_NOT_FOUND")) {
      tell(fmt::format("pulling {}, from which a registry runs",
                       options_.image));
      const absl::Status pulled =
          PullImage(engine, options_.image, nullptr, cancel);
      RETURN_IF_ERROR(cancel.Check());
      if (!pulled.ok()) {
        return RegistryImageMissing(options_.image,
                                    std::string(pulled.message()));
      }
      launched = Launch(engine, entry, port, cancel);
    }
    if (HasReason(launched, "PORT_TAKEN") && tries < kPortTries) {
      continue;
    }
    RETURN_IF_ERROR(launched);
    const absl::Status measured = Measure(engine, entry, port, cancel);
    if (measured.ok()) {
      tell(
          fmt::format("a registry runs; the engine pushes to {}, smolvm pulls "
                      "from {}; measured: {}",
                      entry.route.push_address, entry.route.pull_address,
                      EvidenceText(entry.route.evidence)));
    }
    return measured;
  }
}

absl::Status Registries::Launch(EngineClient& engine, Entry& entry, int port,
                                const CancelToken& cancel) {
  entry.container.reset();
  ContainerSpec spec;
  spec.name = "bottled-registry-" + RandomHex(kNameBytes);
  spec.image = options_.image;
  spec.env = {"OTEL_TRACES_EXPORTER=none", "REGISTRY_LOG_LEVEL=warn"};
  spec.labels = {{"dev.bottled.role", "registry"},
                 {"dev.bottled.instance", options_.instance}};
  spec.port = PublishedPort{.container_port = kPort, .host_port = port};
  // Its storage in memory alone is quadratic in the size of a layer
  // (docker.md §5.3); this also leaves nothing on the engine's disk.
  spec.tmpfs = {{"/var/lib/registry", ""}};
  spec.auto_remove = true;
  ASSIGN_OR_RETURN(entry.container,
                   objects_.Hold(engine.endpoint(),
                                 EngineObjectKind::kContainer, spec.name));
  const absl::StatusOr<std::string> created =
      CreateContainer(engine, spec, cancel);
  entry.container->Answered(created.status());
  RETURN_IF_ERROR(created.status());
  return StartContainer(engine, *created, cancel);
}

absl::StatusOr<RegistryProbe> Registries::Probe(
    EngineClient& engine, const char* host, int port,
    const CancelToken& cancel) const {
  return ProbeRegistry(engine, LocalAddress(host, port), "bottled/probe",
                       options_.probe_limit, cancel);
}

absl::StatusOr<std::vector<RegistryProbe>> Registries::ProbeAll(
    EngineClient& engine, const Use& use, const CancelToken& cancel) const {
  std::vector<RegistryProbe> evidence = use.route().evidence;
  for (size_t i = evidence.size(); i < std::size(kHosts); ++i) {
    ASSIGN_OR_RETURN(RegistryProbe probe,
                     Probe(engine, kHosts[i], use.entry_->port, cancel));
    evidence.push_back(std::move(probe));
  }
  return evidence;
}

absl::Status Registries::Measure(EngineClient& engine, Entry& entry, int port,
                                 const CancelToken& cancel) {
  RegistryRoute& route = entry.route;
  route = {};
  entry.port = port;
  route.pull_address = LocalAddress("127.0.0.1", port);
  const absl::Status from_here =
      WaitForRegistry(route.pull_address, options_.ready_limit, cancel);
  RETURN_IF_ERROR(cancel.Check());
  if (!from_here.ok()) {
    ASSIGN_OR_RETURN(const std::optional<ContainerState> state,
                     InspectContainer(engine, entry.container->name(), cancel));
    if (!state.has_value() || !state->running) {
      return RegistryFailed(options_.image, "its container ended at once");
    }
  }
  for (const char* host : kHosts) {
    ASSIGN_OR_RETURN(RegistryProbe probe, Probe(engine, host, port, cancel));
    route.evidence.push_back(probe);
    if (probe.reached || probe.unsupported) {
      route.push_address = std::move(probe.address);
      break;
    }
  }
  const std::string evidence = EvidenceText(route.evidence);
  if (route.push_address.empty()) {
    return NoPushAddress(evidence);
  }
  return from_here.ok()
             ? from_here
             : Annotate(from_here, "the engine reaches its registry at " +
                                       evidence + ", but this host does not");
}

void Registries::RunReaper() {
  while (true) {
    // Their containers are removed without the lock.
    std::vector<std::shared_ptr<Entry>> ended;
    {
      MutexLock lock(mu_);
      if (stopping_) {
        for (auto& [host, entry] : entries_) {
          ended.push_back(std::move(entry));
        }
        entries_.clear();
      }
      const auto now = steady_clock::now();
      for (auto it = entries_.begin(); it != entries_.end();) {
        const Entry& entry = *it->second;
        const bool over = entry.state == Entry::State::kReady &&
                          entry.users == 0 &&
                          now - entry.idle_since >= options_.grace;
        if (over) {
          ended.push_back(std::move(it->second));
          it = entries_.erase(it);
        } else {
          ++it;
        }
      }
      if (ended.empty()) {
        if (stopping_) {
          return;
        }
        if (entries_.empty()) {
          changed_.Wait(mu_);
        } else {
          changed_.WaitFor(mu_,
                           std::clamp(options_.grace, kShortest, kIdleLook));
        }
      }
    }
  }
}

}  // namespace bottled
