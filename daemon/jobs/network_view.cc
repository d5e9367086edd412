#include "jobs/network_view.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "bottle/identity.h"
#include "engine/description.h"
#include "engine/networks.h"
#include "fmt/format.h"
#include "platform/host_networks.h"

namespace bottled {
namespace {

constexpr std::chrono::seconds kMaxAge(3);
constexpr size_t kMaxSlots = 64;

void AddEngineNetworks(const std::vector<EngineNetwork>& networks,
                       NetworkView& view) {
  for (const EngineNetwork& network : networks) {
    for (const std::string& subnet : network.subnets) {
      const std::optional<Ipv4Net> net = Ipv4Net::Parse(subnet);
      if (!net.has_value()) {
        continue;
      }
      view.blocked.push_back(
          {.net = *net,
           .what = fmt::format("docker network {}", Printable(network.name))});
      if (network.name.starts_with(kNetworkPrefix)) {
        view.bottle_networks[network.name].push_back(*net);
      }
    }
  }
}

std::string KeyOf(const std::optional<EngineEndpoint>& engine) {
  return engine.has_value() ? engine->host + '\n' + engine->tls_dir : "";
}

}  // namespace

std::shared_ptr<NetworkViews::Slot> NetworkViews::FindSlot(
    const std::string& key) {
  MutexLock lock(mu_);
  if (slots_.size() >= kMaxSlots && !slots_.contains(key)) {
    slots_.clear();
  }
  std::shared_ptr<Slot>& slot = slots_[key];
  if (slot == nullptr) {
    slot = std::make_shared<Slot>();
  }
  return slot;
}

std::shared_ptr<const NetworkView> NetworkViews::Read(
    const std::optional<EngineEndpoint>& engine, bool fresh,
    const CancelToken& cancel) {
  const std::shared_ptr<Slot> slot = FindSlot(KeyOf(engine));
  MutexLock lock(slot->reading);
  if (fresh || slot->view == nullptr ||
      clock_.Steady() - slot->read_at > kMaxAge) {
    auto view = Look(engine, slot->bridge_unreachable, cancel);
    if (cancel.Cancelled()) {
      return view;
    }
    slot->view = std::move(view);
    slot->read_at = clock_.Steady();
  }
  return slot->view;
}

std::shared_ptr<const NetworkView> NetworkViews::Look(
    const std::optional<EngineEndpoint>& engine,
    std::optional<bool>& bridge_unreachable, const CancelToken& cancel) {
  auto view = std::make_shared<NetworkView>();
  const absl::StatusOr<std::vector<HostNetwork>> host = ReadHostNetworks();
  if (host.ok()) {
    view->blocked = BlockedByHost(*host);
  } else {
    Log("jobs")->warn("cannot read the host's networks: {}",
                      std::string(host.status().message()));
  }
  if (!engine.has_value()) {
    return view;
  }
  const std::shared_ptr<EngineClient> client = engines_.Get(*engine);
  view->bridge_unreachable = bridge_unreachable;
  const absl::StatusOr<std::vector<EngineNetwork>> networks =
      client->ListNetworks(cancel);
  if (!networks.ok()) {
    return view;
  }
  AddEngineNetworks(*networks, *view);
  view->docker_checked = true;
  if (!bridge_unreachable.has_value()) {
    const absl::StatusOr<EngineDescription> description =
        client->Describe(cancel);
    if (description.ok()) {
      bridge_unreachable = !description->BridgeReachable();
    }
  }
  view->bridge_unreachable = bridge_unreachable;
  return view;
}

}  // namespace bottled
