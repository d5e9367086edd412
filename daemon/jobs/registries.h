// Registries: a registry for the time of a push, one for each engine.
//
// It runs as a container of the engine that pushes, on a port of the engine's
// 127.0.0.1, and serves all jobs that overlap. It is removed when the last of
// them has been gone for a while; after a kill -9, by EngineObjects. Which
// address the engine reaches it at, and whether this host does, is measured,
// not guessed (design.md §6).

#ifndef BOTTLED_JOBS_REGISTRIES_H_
#define BOTTLED_JOBS_REGISTRIES_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "engine/client.h"
#include "engine/registry.h"
#include "jobs/engine_objects.h"
#include "platform/free_port.h"

namespace bottled {

// Where a registry is.
struct RegistryRoute {
  // "127.0.0.1:5001": for the engine, to push to, and for this host, to pull
  // from.
  std::string push_address;
  std::string pull_address;
  // What the engine said to each address that was tried, the last being
  // push_address.
  std::vector<RegistryProbe> evidence;
};

// "127.0.0.1:5001 (manifest unknown), …" for messages.
std::string EvidenceText(const std::vector<RegistryProbe>& evidence);

// Thread-safe. Outlives what it gives out.
class Registries {
 public:
  struct Options {
    std::string image = "registry:2";
    // Of our installation, for the container's labels.
    std::string instance;
    // How long a registry stays after its last user.
    std::chrono::milliseconds grace{30'000};
    // How long a new one may take to answer.
    std::chrono::milliseconds ready_limit{15'000};
    // For the engine's answer about one address.
    std::chrono::milliseconds probe_limit{4'000};
    // Where a new one shall listen; tests choose.
    std::function<absl::StatusOr<int>()> free_port = FreeLoopbackPort;
  };

  Registries(EngineObjects& objects, Options options);
  // Removes all of them; nobody may hold a Use any more. Blocks for the
  // engines.
  ~Registries();

 private:
  struct Entry;

 public:
  // One user's share of a registry.
  class Use {
   public:
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    const RegistryRoute& route() const;
    // It does not work any more: the next Acquire() starts another one.
    void Spoil();

   private:
    friend class Registries;
    Use(Registries& owner, std::shared_ptr<Entry> entry)
        : owner_(owner), entry_(std::move(entry)) {}

    Registries& owner_;
    const std::shared_ptr<Entry> entry_;
  };

  // `tell` hears of what happens, line by line. Joins a registry of this engine
  // that runs or starts, else starts one, pulling its image when the engine has
  // none. Blocks for all of that. Reasons REGISTRY_IMAGE_MISSING (it cannot be
  // pulled either), REGISTRY_FAILED (the container ended),
  // REGISTRY_UNREACHABLE (from this host), NO_PUSH_ADDRESS (the engine reaches
  // it at none; lists each with the engine's words), those of the engine, and
  // CANCELLED.
  absl::StatusOr<std::unique_ptr<Use>> Acquire(
      const std::shared_ptr<EngineClient>& engine,
      const std::function<void(const std::string&)>& tell,
      const CancelToken& cancel);

  // What the engine says of every address of a registry, those that Acquire()
  // needed not try included. Blocks for the engine. CANCELLED, or the engine's
  // own errors.
  absl::StatusOr<std::vector<RegistryProbe>> ProbeAll(
      EngineClient& engine, const Use& use, const CancelToken& cancel) const;

  const std::string& image() const { return options_.image; }

 private:
  using Tell = std::function<void(const std::string&)>;

  // Starts and measures a registry, without a lock.
  absl::Status Start(EngineClient& engine, Entry& entry, const Tell& tell,
                     const CancelToken& cancel);
  // One container on one port; PORT_TAKEN when that was just taken.
  absl::Status Launch(EngineClient& engine, Entry& entry, int port,
                      const CancelToken& cancel);
  absl::Status Measure(EngineClient& engine, Entry& entry, int port,
                       const CancelToken& cancel);
  absl::StatusOr<RegistryProbe> Probe(EngineClient& engine, const char* host,
                                      int port,
                                      const CancelToken& cancel) const;
  // Ends registries that nobody has used for the grace.
  void RunReaper();

  // Constant after construction.
  EngineObjects& objects_;
  const Options options_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // By the engine's host: those that may be joined.
  std::map<std::string, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mu_);
  std::thread reaper_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_REGISTRIES_H_
