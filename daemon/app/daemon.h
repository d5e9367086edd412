// Daemon: the composition root. It makes every part, in the order in which they
// need each other, and takes them down in the opposite order.
//
// Start: instance lock → reserve → index (recovered) → objects → engines,
// uploads, scheduler → services → sockets → jobs that go on → gRPC → sweeping.
// The lock comes first, since two gRPC daemons on one path would steal the
// socket from each other.
//
// Stop: no new connections and jobs → running jobs get the drain time, then are
// cancelled; their watchers still see the end → gRPC ends → index closes → the
// socket file, if it is ours, goes → the lock is released.

#ifndef BOTTLED_APP_DAEMON_H_
#define BOTTLED_APP_DAEMON_H_

#include <filesystem>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "app/idle_release.h"
#include "app/integrity.h"
#include "app/options.h"
#include "app/periodic.h"
#include "base/clock.h"
#include "engine/engines.h"
#include "jobs/admission.h"
#include "jobs/bottle_service.h"
#include "jobs/change_feed.h"
#include "jobs/collector.h"
#include "jobs/disk_state.h"
#include "jobs/disk_watch.h"
#include "jobs/engine_objects.h"
#include "jobs/leases.h"
#include "jobs/network_view.h"
#include "jobs/pack_service.h"
#include "jobs/packers.h"
#include "jobs/preflight.h"
#include "jobs/prepare_service.h"
#include "jobs/registries.h"
#include "jobs/scheduler.h"
#include "jobs/upload.h"
#include "jobs/warm_guard.h"
#include "jobs/warm_service.h"
#include "pack/kept_layers.h"
#include "pack/smolvm_program.h"
#include "platform/instance_lock.h"
#include "platform/places.h"
#include "rpc/peers.h"
#include "rpc/server.h"
#include "rpc/service.h"
#include "store/index.h"
#include "store/objects.h"
#include "store/recovery.h"

namespace bottled {

class Daemon {
 public:
  // Serves when it returns. Reasons ALREADY_RUNNING, INDEX_TOO_NEW,
  // INDEX_FOREIGN, BAD_PATH, UNSAFE_DIRECTORY and what the parts return.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Options& options,
                                                       const Clock& clock);
  ~Daemon();

  // Drains and stops; blocks at most for the drain time and a few seconds.
  void Stop();

  const Places& places() const { return places_; }

  // A cheap question to the index, for the service manager's watchdog: false
  // when the daemon can no longer do its work.
  bool Healthy();

 private:
  Daemon(const Options& options, Places places, InstanceLock lock)
      : options_(options), places_(std::move(places)), lock_(std::move(lock)) {}

  absl::Status OpenStore(const Clock& clock);
  // Leaves kept_layers_ null when there shall or can be none.
  void OpenKeptLayers();
  absl::Status MakeServices(const Clock& clock);
  void MakePackers(const Clock& clock);
  // The limits of the cache, as they were given.
  CachePolicy Policy() const;
  void MakeCollector(const Clock& clock);
  // In daemon_disk.cc: what is needed before the index is opened, and the rest.
  absl::Status PrepareDisk();
  absl::Status OpenIndexOnDisk(const Clock& clock, RecoveryReport& report);
  void MakeAdmission(const Clock& clock);
  // In daemon_warm.cc.
  void MakeWarming(const Clock& clock);
  void MakeBottleServices(const Clock& clock, PoolOptions pool);
  absl::Status Serve(const Clock& clock);
  // Housekeeping, from a thread of its own.
  void Sweep(const CancelToken& cancel);
  void CollectGarbage(const CancelToken& cancel);

  // In the order of construction; destroyed in reverse.
  const Options options_;
  const Places places_;
  InstanceLock lock_;
  std::unique_ptr<DiskState> disk_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<KeptLayers> kept_layers_;
  std::unique_ptr<ChangeFeed> feed_;
  std::unique_ptr<Engines> engines_;
  // With short timeouts, for what is only looked at.
  std::unique_ptr<Engines> quick_engines_;
  std::unique_ptr<EngineObjects> engine_objects_;
  std::unique_ptr<Registries> registries_;
  std::unique_ptr<SmolvmPrograms> smolvm_;
  std::unique_ptr<Packers> packers_;
  std::unique_ptr<Leases> leases_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<Uploads> uploads_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<PackService> packs_;
  std::unique_ptr<NetworkViews> networks_;
  std::unique_ptr<BottleService> bottles_;
  std::unique_ptr<Preflight> preflight_;
  std::unique_ptr<PrepareService> prepares_;
  Peers peers_;
  std::unique_ptr<WarmGuard> warm_guard_;
  std::unique_ptr<WarmService> warming_;
  std::unique_ptr<BottledService> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Periodic> sweeping_;
  std::unique_ptr<DiskWatch> disk_watch_;
  std::unique_ptr<IdleRelease> idle_release_;
  // What is looked at every second.
  std::unique_ptr<Periodic> watching_;
  std::unique_ptr<Integrity> integrity_;
  // True when we bound the socket ourselves and must unlink it.
  bool own_socket_ = false;
  bool stopped_ = false;
  // Of the sweeping thread.
  bool may_collect_ = false;
};

}  // namespace bottled

#endif  // BOTTLED_APP_DAEMON_H_
