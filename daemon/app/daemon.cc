#include "app/daemon.h"

#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/pool_options.h"
#include "app/version.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "endpoint/endpoint.h"
#include "fmt/format.h"
#include "platform/activation.h"
#include "platform/file.h"
#include "platform/host_load.h"
#include "platform/own_executable.h"
#include "platform/unix_socket.h"

namespace bottled {
namespace {

// After the jobs have ended, calls in flight only have to answer.
constexpr std::chrono::seconds kCallGrace(2);
constexpr std::chrono::minutes kSweepInterval(5);
constexpr std::chrono::seconds kWatchInterval(1);
// A plan does not wait longer than this for an engine that hangs.
constexpr std::chrono::seconds kQuickTimeout(2);

// What of our environment smolvm needs to find its own parts.
std::vector<std::string> SmolvmEnvironment() {
  std::vector<std::string> out;
  const GetEnv env = ProcessEnv();
  for (const char* name : {"PATH", "HOME", "SMOLVM_LIB_DIR",
                           "SMOLVM_AGENT_ROOTFS", "SMOLVM_AGENT_ROOTFS_TAR"}) {
    if (const std::optional<std::string> value = env(name)) {
      out.push_back(fmt::format("{}={}", name, *value));
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Options& options,
                                                      const Clock& clock) {
  ASSIGN_OR_RETURN(Places places,
                   Places::Resolve(ProcessEnv(), options.places));
  RETURN_IF_ERROR(EnsurePrivateDir(places.state_dir, 0700));
  ASSIGN_OR_RETURN(InstanceLock lock,
                   InstanceLock::Acquire(places.lock(), kVersion));
  std::unique_ptr<Daemon> daemon(
      new Daemon(options, std::move(places), std::move(lock)));
  RETURN_IF_ERROR(daemon->OpenStore(clock));
  RETURN_IF_ERROR(daemon->MakeServices(clock));
  RETURN_IF_ERROR(daemon->Serve(clock));
  return daemon;
}

absl::Status Daemon::OpenStore(const Clock& clock) {
  RecoveryReport report;
  RETURN_IF_ERROR(PrepareDisk());
  RETURN_IF_ERROR(OpenIndexOnDisk(clock, report));
  ASSIGN_OR_RETURN(objects_, Objects::Open(places_, *index_, clock));
  objects_->trash().Start();
  RETURN_IF_ERROR(Recover(places_, *index_, *objects_, clock, report));
  LogRecovery(report);
  OpenKeptLayers();
  return absl::OkStatus();
}

void Daemon::MakeBottleServices(const Clock& clock, PoolOptions pool) {
  EngineClient::Options quick;
  quick.unary_timeout = kQuickTimeout;
  quick_engines_ = std::make_unique<Engines>(quick);
  networks_ = std::make_unique<NetworkViews>(*quick_engines_, clock);
  bottles_ = std::make_unique<BottleService>(
      BottleService::Deps{.index = *index_,
                          .objects = *objects_,
                          .networks = *networks_,
                          .feed = feed_.get(),
                          .places = places_,
                          .clock = clock},
      BottleService::Options{.pool = std::move(pool),
                             .bundle_image = options_.bundle_image});
  preflight_ = std::make_unique<Preflight>(
      Preflight::Deps{.engines = *engines_,
                      .smolvm = *smolvm_,
                      .places = places_,
                      .registries = registries_.get(),
                      .disk = disk_.get()});
  prepares_ = std::make_unique<PrepareService>(
      PrepareService::Deps{.bottles = *bottles_,
                           .packs = *packs_,
                           .preflight = *preflight_,
                           .index = *index_});
}

void Daemon::MakePackers(const Clock& clock) {
  engines_ = std::make_unique<Engines>(EngineClient::Options());
  engine_objects_ = std::make_unique<EngineObjects>(*index_, *engines_, clock);
  Registries::Options registries;
  registries.image = options_.registry_image;
  registries.instance = index_->instance_id();
  registries.grace = std::chrono::seconds(options_.registry_grace_seconds);
  registries_ =
      std::make_unique<Registries>(*engine_objects_, std::move(registries));
  smolvm_ = std::make_unique<SmolvmPrograms>(SmolvmPrograms::Options{
      .home = ProcessEnv()("HOME").value_or(""), .program = options_.smolvm});
  packers_ = std::make_unique<Packers>(
      *smolvm_,
      Packers::Options{
          // ParseOptions() has looked at the word.
          .standard = ParsePacker(options_.packer).value_or(PackerKind::kAuto),
          .search_path = ProcessEnv()("PATH").value_or("")});
}

void Daemon::MakeCollector(const Clock& clock) {
  leases_ = std::make_unique<Leases>(*index_, clock);
  const std::filesystem::path dir = places_.cache_dir;
  collector_ = std::make_unique<Collector>(
      Collector::Deps{.index = *index_,
                      .objects = *objects_,
                      .leases = *leases_,
                      .clock = clock,
                      .changes = feed_.get(),
                      .kept = kept_layers_.get()},
      Policy(),
      Collector::Disk{.free_bytes = [dir] { return FreeBytes(dir); },
                      .total_bytes = [dir] { return TotalBytes(dir); }});
}

absl::Status Daemon::MakeServices(const Clock& clock) {
  ASSIGN_OR_RETURN(PoolOptions pool, MakePoolOptions(options_));
  feed_ = std::make_unique<ChangeFeed>(clock);
  MakePackers(clock);
  MakeCollector(clock);
  MakeAdmission(clock);
  uploads_ = std::make_unique<Uploads>();
  Scheduler::Options scheduling;
  scheduling.max_running = options_.max_running_jobs;
  scheduling.max_queued = options_.max_queued_jobs;
  scheduling.max_queued_per_client = options_.max_queued_jobs_per_client;
  scheduling.boot_id = RandomHex(8);
  scheduling.changes = feed_.get();
  scheduler_ = std::make_unique<Scheduler>(scheduling, *index_, clock);
  ImageLimits limits;
  limits.max_unpacked_bytes = options_.max_image_bytes;
  packs_ = std::make_unique<PackService>(
      PackService::Deps{.engines = *engines_,
                        .engine_objects = *engine_objects_,
                        .registries = *registries_,
                        .packers = *packers_,
                        .leases = *leases_,
                        .index = *index_,
                        .objects = *objects_,
                        .scheduler = *scheduler_,
                        .uploads = *uploads_,
                        .clock = clock,
                        .changes = feed_.get(),
                        .admission = admission_.get(),
                        .kept = kept_layers_.get()},
      PackService::Options{.limits = limits,
                           .packer_threads = options_.pack_threads,
                           .supervisor = OwnExecutable(),
                           .smolvm_env = SmolvmEnvironment()});
  MakeBottleServices(clock, std::move(pool));
  MakeWarming(clock);
  service_ = std::make_unique<BottledService>(
      BottledService::Deps{.packs = *packs_,
                           .packers = *packers_,
                           .leases = *leases_,
                           .collector = *collector_,
                           .admission = *admission_,
                           .disk = *disk_,
                           .bottles = *bottles_,
                           .prepares = *prepares_,
                           .preflight = *preflight_,
                           .warming = *warming_,
                           .feed = *feed_,
                           .scheduler = *scheduler_,
                           .uploads = *uploads_,
                           .index = *index_,
                           .objects = *objects_,
                           .clock = clock,
                           .peers = peers_,
                           .kept = kept_layers_.get()},
      ServiceInfo{.version = kVersion,
                  .started_ms = clock.NowMs(),
                  .places = places_,
                  .default_engine = ResolveEndpoint(ProcessEnv(), ""),
                  .image_limits = limits,
                  .max_running_jobs = options_.max_running_jobs,
                  .max_queued_jobs = options_.max_queued_jobs,
                  .max_watchers = options_.max_watchers,
                  .max_connections = options_.max_connections});
  return absl::OkStatus();
}

void Daemon::CollectGarbage(const CancelToken& cancel) {
  // What resisted the last time.
  absl::Status status = objects_->trash().Empty();
  status.Update(leases_->Sweep());
  // Not at start: whoever got a path in the life of the last daemon gets the
  // time to say so again. Leases need no such time, see jobs/leases.h.
  if (status.ok() && std::exchange(may_collect_, true)) {
    status = collector_->Collect(/*dry_run=*/false, cancel).status();
  }
  if (!status.ok() && !absl::IsCancelled(status)) {
    Log("app")->warn("cannot collect: {}", std::string(status.message()));
  }
}

void Daemon::Sweep(const CancelToken& cancel) {
  const absl::StatusOr<EngineEndpoint> engine =
      ResolveEndpoint(ProcessEnv(), "");
  CollectGarbage(cancel);
  absl::Status status = engine_objects_->Reap(cancel);
  if (status.ok()) {
    status = bottles_->Sweep(
        engine.ok() ? std::optional(*engine) : std::nullopt, cancel);
  }
  if (!status.ok() && !absl::IsCancelled(status)) {
    Log("app")->warn("cannot sweep: {}", std::string(status.message()));
  }
}

absl::Status Daemon::Serve(const Clock& clock) {
  ASSIGN_OR_RETURN(std::vector<Fd> sockets, TakeActivatedSockets());
  if (sockets.empty()) {
    ASSIGN_OR_RETURN(Fd socket, ListenUnix(places_.socket, lock_));
    sockets.push_back(std::move(socket));
    own_socket_ = true;
  }
  // Whoever comes already waits, and finds the jobs.
  RETURN_IF_ERROR(packs_->Resume());
  ASSIGN_OR_RETURN(server_,
                   Server::Start({.uid = ::geteuid(),
                                  .max_connections = options_.max_connections,
                                  .max_connections_per_process =
                                      options_.max_connections_per_process,
                                  .peers = &peers_},
                                 std::move(sockets), *service_));
  RETURN_IF_ERROR(warming_->Start());
  sweeping_ = std::make_unique<Periodic>(
      kSweepInterval, [this](const CancelToken& cancel) { Sweep(cancel); });
  idle_release_ = std::make_unique<IdleRelease>(IdleRelease::Self());
  watching_ = std::make_unique<Periodic>(kWatchInterval,
                                         [this](const CancelToken& cancel) {
                                           disk_watch_->Tick(cancel);
                                           idle_release_->Tick();
                                         });
  integrity_ = std::make_unique<Integrity>(
      Scrubber::Deps{.index = *index_,
                     .objects = *objects_,
                     .leases = *leases_,
                     .clock = clock,
                     .changes = feed_.get()},
      places_,
      Integrity::Options{
          .scrub_days = options_.scrub_days,
          .scrub_bytes_per_second = options_.scrub_bytes_per_second,
          .busy = [most = static_cast<double>(options_.scrub_max_stalled)] {
            return most > 0 && ReadHostLoad().io_stalled > most;
          }});
  return absl::OkStatus();
}

Daemon::~Daemon() { Stop(); }

void Daemon::Stop() {
  if (std::exchange(stopped_, true)) {
    return;
  }
  if (objects_ != nullptr) {
    objects_->CancelReads();
  }
  integrity_.reset();
  sweeping_.reset();
  if (warming_ != nullptr) {
    warming_->Stop();
  }
  if (server_ != nullptr) {
    server_->StopAccepting();
  }
  if (own_socket_) {
    // Before the drain: a client that finds no socket starts a new daemon,
    // which waits for the lock's message instead of hanging on a dying one.
    ::unlink(places_.socket.c_str());
  }
  if (scheduler_ != nullptr) {
    scheduler_->Stop(std::chrono::seconds(options_.drain_seconds));
  }
  watching_.reset();
  if (feed_ != nullptr) {
    // Streams of events have no end of their own.
    feed_->Close();
  }
  if (server_ != nullptr) {
    server_->Shutdown(kCallGrace);
  }
}

bool Daemon::Healthy() { return index_->Totals().ok(); }

}  // namespace bottled
