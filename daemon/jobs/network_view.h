// NetworkView: which networks are in use on this machine, as a bottle's
// addresses must not overlap them, and how the engine's networks are reached.
//
// Read outside of the index's transaction and kept for a few seconds, so that
// many bottles prepared at once cost one look.

#ifndef BOTTLED_JOBS_NETWORK_VIEW_H_
#define BOTTLED_JOBS_NETWORK_VIEW_H_

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "bottle/address_pool.h"
#include "endpoint/endpoint.h"
#include "engine/engines.h"

namespace bottled {

// Immutable once made.
struct NetworkView {
  std::vector<BlockedNet> blocked;
  // Subnets of docker networks that are named as a bottle's is, by name; they
  // are in `blocked` too.
  std::map<std::string, std::vector<Ipv4Net>> bottle_networks;
  // False: the engine did not answer; `blocked` has only the host's networks.
  bool docker_checked = false;
  // The engine's bridges are not on this host: it runs in a VM or is rootless.
  // Unset: it has not said so far.
  std::optional<bool> bridge_unreachable;
};

// Thread-safe.
class NetworkViews {
 public:
  // `engines` should have short timeouts: an engine that hangs must not hold up
  // a plan for long.
  NetworkViews(Engines& engines, const Clock& clock)
      : engines_(engines), clock_(clock) {}

  // At most a few seconds old unless `fresh`. Blocks for two engine calls when
  // it has to look; an engine that does not answer is no error, nor is a
  // cancelled look, which others do not see. No endpoint: only the host's
  // networks.
  std::shared_ptr<const NetworkView> Read(
      const std::optional<EngineEndpoint>& engine, bool fresh,
      const CancelToken& cancel);

 private:
  struct Slot {
    // Only one caller looks; the others wait for what it sees.
    Mutex reading;
    std::shared_ptr<const NetworkView> view ABSL_GUARDED_BY(reading);
    std::chrono::steady_clock::time_point read_at ABSL_GUARDED_BY(reading);
    // Does not change while the engine runs, and costs it a while to tell.
    std::optional<bool> bridge_unreachable ABSL_GUARDED_BY(reading);
  };

  std::shared_ptr<Slot> FindSlot(const std::string& key);
  std::shared_ptr<const NetworkView> Look(
      const std::optional<EngineEndpoint>& engine,
      std::optional<bool>& bridge_unreachable, const CancelToken& cancel);

  Engines& engines_;
  const Clock& clock_;
  Mutex mu_;
  std::map<std::string, std::shared_ptr<Slot>> slots_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_NETWORK_VIEW_H_
