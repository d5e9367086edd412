#include "bottle/address_pool.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <map>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "image/digest.h"

namespace bottled {
namespace {

constexpr int kLongestPrefix = 28;
constexpr int kShortestPrefix = 24;
constexpr uint32_t kMaxSlots = 254 * 256;
constexpr uint32_t kLoopbackBase = 0x7f500000;  // 127.80.0.0
constexpr int kShortestHostPrefix = 8;
constexpr size_t kNamedBlockers = 5;

struct NeverUsed {
  Ipv4Net net;
  const char* what;
};
constexpr std::array kNeverUsed = {
    NeverUsed{{{0x00000000}, 8}, "\"this network\""},
    // Tailscale; smolvm's own guest network is 100.96.0.0/30.
    NeverUsed{{{0x64400000}, 10}, "the carrier-grade NAT range"},
    NeverUsed{{{0x7f000000}, 8}, "the loopback range"},
    NeverUsed{{{0xa9fe0000}, 16}, "the link-local range"},
    // OrbStack, and proxies that answer DNS with made-up addresses.
    NeverUsed{{{0xc6120000}, 15}, "the benchmarking range"},
    NeverUsed{{{0xe0000000}, 3}, "the multicast and reserved range"},
};

absl::Status BadAddressPool(const std::string& why) {
  return MakeError(absl::StatusCode::kInvalidArgument, kBadAddressPool,
                   "the address pools cannot be used: " + why,
                   "Choose private ranges such as 172.16.192.0/18, and a "
                   "prefix from 24 to 28.");
}

absl::Status AddressesExhausted(const std::string& why) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, kAddressesExhausted, why,
      "Remove bottles that are not needed (bottlectl bottles), or configure "
      "another address pool.");
}

uint32_t SlotsOf(const Ipv4Net& pool, int prefix) {
  return uint32_t{1} << (prefix - pool.prefix);
}

Ipv4Net SlotNet(const Ipv4Net& pool, int prefix, uint32_t slot) {
  return {pool.At(slot << (32 - prefix)), prefix};
}

Ipv4Net NetOf(const AddressLease& lease) {
  return {{lease.subnet}, lease.prefix};
}

struct Hash {
  uint64_t start = 0;
  uint64_t step = 1;
};

// Big-endian: the digest's hexadecimal digits as they are written.
Hash HashOf(std::string_view slug) {
  std::string text("bottled/subnet/v1");
  text.push_back('\0');
  text.append(slug);
  const std::string hex = Sha256Of(text).hex();
  Hash hash;
  std::from_chars(hex.data(), hex.data() + 16, hash.start, 16);
  std::from_chars(hex.data() + 16, hex.data() + 32, hash.step, 16);
  // Odd, so that it reaches every slot of a power of two.
  hash.step |= 1;
  return hash;
}

// What is in use, in the form that a probe needs.
class InUse {
 public:
  InUse(const PoolOptions& options, std::span<const AddressLease> others,
        std::span<const BlockedNet> blocked)
      : others_(others) {
    for (const BlockedNet& one : blocked) {
      blocked_.push_back({one.net, one.what});
    }
    for (const Ipv4Net& net : options.avoid) {
      blocked_.push_back({net, "the configuration (avoid)"});
    }
    for (const NeverUsed& never : kNeverUsed) {
      blocked_.push_back({never.net, never.what});
    }
    for (const Ipv4Net& pool : options.pools) {
      pools_.push_back(MapPool(pool, options.prefix));
    }
    for (const AddressLease& lease : others) {
      loopbacks_.insert(lease.loopback);
    }
  }

  // Why `net` is not free, "docker network foo (172.16.0.0/16)", or "".
  std::string WhyNot(const Ipv4Net& net) const {
    for (const AddressLease& lease : others_) {
      if (NetOf(lease).Overlaps(net)) {
        return fmt::format("bottle {} ({})", Printable(lease.slug, 80),
                           NetOf(lease).ToString());
      }
    }
    for (const Blocked& blocked : blocked_) {
      if (blocked.net.Overlaps(net)) {
        return Describe(blocked);
      }
    }
    return "";
  }

  bool LoopbackTaken(Ipv4 ip) const { return loopbacks_.contains(ip.value); }

  enum class Probe { kFree, kLeased, kBlocked };
  // Probes a slot of the pool with this number. `net` is its subnet.
  Probe Try(size_t pool, uint32_t slot, const Ipv4Net& net) {
    if (pools_[pool].leased[slot]) {
      return Probe::kLeased;
    }
    for (const size_t index : pools_[pool].blocked) {
      if (blocked_[index].net.Overlaps(net)) {
        ++in_the_way_[index];
        return Probe::kBlocked;
      }
    }
    return Probe::kFree;
  }

  // The blockers that probes met, the worst first, "" without any.
  std::string Blockers() const {
    std::vector<std::pair<int64_t, size_t>> order;
    for (const auto& [index, count] : in_the_way_) {
      order.emplace_back(-count, index);
    }
    std::sort(order.begin(), order.end());
    std::string text;
    for (size_t i = 0; i < std::min(order.size(), kNamedBlockers); ++i) {
      text += (i == 0 ? "" : ", ") + Describe(blocked_[order[i].second]);
    }
    if (order.size() > kNamedBlockers) {
      text += fmt::format(" and {} more", order.size() - kNamedBlockers);
    }
    return text;
  }

 private:
  // As BlockedNet, but the text is the caller's: routes can be thousands.
  struct Blocked {
    Ipv4Net net;
    std::string_view what;
  };
  struct Pool {
    std::vector<bool> leased;     // per slot
    std::vector<size_t> blocked;  // into blocked_: those that touch the pool
  };

  static std::string Describe(const Blocked& blocked) {
    return fmt::format("{} ({})", Printable(blocked.what, 200),
                       blocked.net.ToString());
  }

  Pool MapPool(const Ipv4Net& pool, int prefix) const {
    const uint32_t slots = SlotsOf(pool, prefix);
    Pool out;
    out.leased.resize(slots);
    for (const AddressLease& lease : others_) {
      const Ipv4Net net = NetOf(lease);
      if (!net.Overlaps(pool)) {
        continue;
      }
      // Leases of an earlier configuration have other sizes than slots.
      const uint32_t first =
          net.address <= pool.address
              ? 0
              : (net.address.value - pool.address.value) >> (32 - prefix);
      const uint32_t count =
          net.prefix >= prefix
              ? 1
              : SlotsOf({{}, std::max(net.prefix, pool.prefix)}, prefix);
      for (uint32_t i = first; i < std::min(slots, first + count); ++i) {
        out.leased[i] = true;
      }
    }
    for (size_t i = 0; i < blocked_.size(); ++i) {
      if (blocked_[i].net.Overlaps(pool)) {
        out.blocked.push_back(i);
      }
    }
    return out;
  }

  const std::span<const AddressLease> others_;
  std::vector<Blocked> blocked_;
  std::vector<Pool> pools_;
  std::unordered_set<uint32_t> loopbacks_;
  std::map<size_t, int64_t> in_the_way_;
};

std::string Joined(const std::vector<Ipv4Net>& nets) {
  std::string text;
  for (const Ipv4Net& net : nets) {
    text += (text.empty() ? "" : ", ") + net.ToString();
  }
  return text;
}

}  // namespace

std::vector<Ipv4Net> DefaultPools() {
  return {{{0xac10c000}, 18}, {{0x0ae7c000}, 18}};
}

absl::Status ValidatePoolOptions(const PoolOptions& options) {
  if (options.prefix < kShortestPrefix || options.prefix > kLongestPrefix) {
    return BadAddressPool(
        fmt::format("a bottle's subnet cannot be a /{}", options.prefix));
  }
  if (options.pools.empty()) {
    return BadAddressPool("there is none");
  }
  uint64_t slots = 0;
  for (auto pool = options.pools.begin(); pool != options.pools.end(); ++pool) {
    const std::string name = pool->ToString();
    if (pool->prefix < kShortestHostPrefix || pool->prefix > options.prefix) {
      return BadAddressPool(fmt::format("{} is not between /{} and /{}", name,
                                        kShortestHostPrefix, options.prefix));
    }
    if (Ipv4Net::Parse(name) != *pool) {
      return BadAddressPool(name + " does not begin at a multiple of its size");
    }
    for (const NeverUsed& never : kNeverUsed) {
      if (never.net.Overlaps(*pool)) {
        return BadAddressPool(fmt::format("{} overlaps {} ({})", name,
                                          never.what, never.net.ToString()));
      }
    }
    for (auto other = options.pools.begin(); other != pool; ++other) {
      if (other->Overlaps(*pool)) {
        return BadAddressPool(
            fmt::format("{} and {} overlap", other->ToString(), name));
      }
    }
    slots += SlotsOf(*pool, options.prefix);
  }
  if (slots > kMaxSlots) {
    return BadAddressPool(
        fmt::format("they have {} subnets, at most {} work", slots, kMaxSlots));
  }
  return absl::OkStatus();
}

std::vector<BlockedNet> BlockedByHost(std::span<const HostNetwork> networks) {
  std::vector<BlockedNet> blocked;
  blocked.reserve(networks.size());
  for (const HostNetwork& network : networks) {
    const bool wide =
        network.prefix < kShortestHostPrefix || network.prefix > 32;
    const int prefix = wide ? 32 : network.prefix;
    const uint32_t mask = ~uint32_t{0} << (32 - prefix);
    blocked.push_back({{{network.address & mask}, prefix}, network.what});
  }
  return blocked;
}

std::vector<BlockedNet> WithoutOwn(std::vector<BlockedNet> blocked,
                                   std::span<const Ipv4Net> own) {
  std::erase_if(blocked, [&](const BlockedNet& one) {
    return std::find(own.begin(), own.end(), one.net) != own.end();
  });
  return blocked;
}

absl::StatusOr<ChosenSlot> ChooseSlot(std::string_view slug,
                                      const PoolOptions& options,
                                      const std::optional<AddressLease>& own,
                                      std::span<const AddressLease> others,
                                      std::span<const BlockedNet> blocked) {
  InUse in_use(options, others, blocked);
  ChosenSlot chosen;
  if (own.has_value()) {
    const std::string why = in_use.WhyNot(NetOf(*own));
    if (why.empty()) {
      chosen.lease = *own;
      return chosen;
    }
    chosen.displaced = NetOf(*own).ToString() + " overlaps " + why;
  }
  const Hash hash = HashOf(slug);
  uint32_t base = 0;
  uint32_t leased = 0;
  uint32_t overlapped = 0;
  for (size_t p = 0; p < options.pools.size(); ++p) {
    const Ipv4Net& pool = options.pools[p];
    const uint32_t slots = SlotsOf(pool, options.prefix);
    for (uint32_t i = 0; i < slots; ++i) {
      const auto slot =
          static_cast<uint32_t>((hash.start + i * hash.step) % slots);
      const Ipv4Net net = SlotNet(pool, options.prefix, slot);
      const Ipv4 loopback = LoopbackOfSlot(base + slot);
      const InUse::Probe probe = in_use.Try(p, slot, net);
      if (probe == InUse::Probe::kBlocked) {
        ++overlapped;
      } else if (probe == InUse::Probe::kLeased ||
                 // Slots are numbered by the configuration; an older lease may
                 // have had another number for the same subnet.
                 in_use.LoopbackTaken(loopback)) {
        ++leased;
      } else {
        chosen.lease.slug = slug;
        chosen.lease.subnet = net.address.value;
        chosen.lease.prefix = net.prefix;
        chosen.lease.loopback = loopback.value;
        return chosen;
      }
    }
    base += slots;
  }
  const std::string blockers = in_use.Blockers();
  return AddressesExhausted(fmt::format(
      "no /{} is free in {}: other bottles use {}, {} are overlapped{}{}",
      options.prefix, Joined(options.pools), leased, overlapped,
      blockers.empty() ? "" : " by ", blockers));
}

Addresses AddressesOf(const AddressLease& lease, EndpointMode mode,
                      bool docker_checked) {
  const Ipv4Net subnet = NetOf(lease);
  return {.mode = mode,
          .subnet = subnet,
          .gateway = subnet.At(1),
          .bundle_ip = subnet.At(2),
          .loopback_ip = {lease.loopback},
          .docker_checked = docker_checked};
}

Ipv4 LoopbackOfSlot(uint32_t slot) {
  return {kLoopbackBase + (slot / 254 << 8) + slot % 254 + 1};
}

}  // namespace bottled
