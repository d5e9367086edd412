// Which subnet and loopback address a bottle gets.
//
// No range is free everywhere (VPNs, home routers, other docker networks), so
// the pools only set the odds and a probe decides: a slug's hash gives a first
// slot and a step, and slots are tried until one is neither leased nor
// overlapped by what is in use. A lease that exists is kept as long as nothing
// is in its way, whatever the configuration says by then, so that a resumed
// bottle has its old addresses.
//
// Everything here is pure and does no I/O: Index::PrepareBottle() runs it in
// its transaction. ChooseSlot() with 1000 leases takes about 0.1 ms.

#ifndef BOTTLED_BOTTLE_ADDRESS_POOL_H_
#define BOTTLED_BOTTLE_ADDRESS_POOL_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bottle/addresses.h"
#include "bottle/ipv4.h"
#include "platform/host_networks.h"
#include "store/records.h"

namespace bottled {

inline constexpr std::string_view kBadAddressPool = "BAD_ADDRESS_POOL";
inline constexpr std::string_view kAddressesExhausted = "ADDRESSES_EXHAUSTED";

// 172.16.192.0/18 and 10.231.192.0/18. 172.16/16 is private and not among
// docker's own pools, which begin at 172.17 (moby libnetwork/ipamutils).
std::vector<Ipv4Net> DefaultPools();

struct PoolOptions {
  // Cut into slots, in this order.
  std::vector<Ipv4Net> pools = DefaultPools();
  // Of a bottle's subnet, 24 to 28.
  int prefix = 28;
  // Never used, on top of what is built in (see kNeverUsed in the .cc).
  std::vector<Ipv4Net> avoid;
};

// Pools are at least as large as a subnet, do not overlap each other or a
// range that never works, and have at most 65 024 slots together, for which
// there are loopback addresses. Reason BAD_ADDRESS_POOL.
absl::Status ValidatePoolOptions(const PoolOptions& options);

// A network in use by somebody else.
struct BlockedNet {
  Ipv4Net net;
  std::string what;  // "docker network foo", "interface eth0". Printable.
};

// The host's networks in the form that ChooseSlot() takes. What is shorter than
// a /8 blocks its own address only: VPNs route 0.0.0.0/1 and 128.0.0.0/1 to
// take the default route's place.
std::vector<BlockedNet> BlockedByHost(std::span<const HostNetwork> networks);

// `blocked` without the entries that are exactly one of `own`: the subnets of
// the docker network that the bottle itself has, whose bridge also shows up
// among the host's interfaces and routes.
std::vector<BlockedNet> WithoutOwn(std::vector<BlockedNet> blocked,
                                   std::span<const Ipv4Net> own);

struct ChosenSlot {
  // slug, subnet, prefix and loopback are set.
  AddressLease lease;
  // Why an existing lease could not be kept, "172.16.192.16/28 overlaps docker
  // network foo (172.16.0.0/16)"; empty when it was, or there was none.
  std::string displaced;
};

// The lease for `slug`: its `own` when that is free of `others` and `blocked`,
// else the first free slot. `others` are the leases of all other bottles.
// `options` must be valid. Reason ADDRESSES_EXHAUSTED, code RESOURCE_EXHAUSTED,
// naming what is in the way.
absl::StatusOr<ChosenSlot> ChooseSlot(std::string_view slug,
                                      const PoolOptions& options,
                                      const std::optional<AddressLease>& own,
                                      std::span<const AddressLease> others,
                                      std::span<const BlockedNet> blocked);

// The addresses that a lease stands for.
Addresses AddressesOf(const AddressLease& lease, EndpointMode mode,
                      bool docker_checked);

// The loopback address of a slot, counted over all pools: 127.80.x.y, y from 1
// to 254. `slot` must be less than 65 024.
Ipv4 LoopbackOfSlot(uint32_t slot);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_ADDRESS_POOL_H_
