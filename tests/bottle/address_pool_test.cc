#include "bottle/address_pool.h"

#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Ipv4Net Net(std::string_view text) { return *Ipv4Net::Parse(text); }

AddressLease LeaseOf(const std::string& slug, std::string_view net,
                     std::string_view loopback = "127.80.0.1") {
  AddressLease lease;
  lease.slug = slug;
  lease.subnet = Net(net).address.value;
  lease.prefix = Net(net).prefix;
  lease.loopback = Ipv4::Parse(loopback)->value;
  return lease;
}

std::string SubnetOf(const AddressLease& lease) {
  return Ipv4Net{{lease.subnet}, lease.prefix}.ToString();
}

ChosenSlot Choose(const std::string& slug, const PoolOptions& options,
                  std::optional<AddressLease> own = std::nullopt,
                  const std::vector<AddressLease>& others = {},
                  const std::vector<BlockedNet>& blocked = {}) {
  const auto chosen = ChooseSlot(slug, options, own, others, blocked);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  return chosen.ok() ? *chosen : ChosenSlot();
}

PoolOptions Pools(std::initializer_list<const char*> pools, int prefix = 28) {
  PoolOptions options;
  options.pools.clear();
  for (const char* pool : pools) {
    options.pools.push_back(Net(pool));
  }
  options.prefix = prefix;
  return options;
}

TEST(PoolOptions, DefaultsAreValid) {
  const PoolOptions options;
  EXPECT_TRUE(ValidatePoolOptions(options).ok());
  EXPECT_EQ(options.pools[0].ToString(), "172.16.192.0/18");
  EXPECT_EQ(options.pools[1].ToString(), "10.231.192.0/18");
}

TEST(PoolOptions, ValidTable) {
  for (const PoolOptions& good :
       {Pools({"10.0.0.0/24"}, 24), Pools({"192.168.0.0/16"}, 24),
        Pools({"172.16.0.0/28"}, 28), Pools({"10.128.0.0/9"}, 24)}) {
    EXPECT_TRUE(ValidatePoolOptions(good).ok()) << ValidatePoolOptions(good);
  }
}

TEST(PoolOptions, RefusedTable) {
  PoolOptions crooked = Pools({"10.0.0.0/24"});
  crooked.pools[0].address.value += 1;
  PoolOptions wild = Pools({"10.0.0.0/24"});
  wild.pools[0].prefix = -3;
  const struct {
    PoolOptions options;
    const char* says;
  } cases[] = {{Pools({"10.0.0.0/24"}, 29), "/29"},
               {Pools({"10.0.0.0/24"}, 23), "/23"},
               {Pools({"10.0.0.0/24"}, 0), "/0"},
               {Pools({}), "none"},
               {Pools({"10.0.0.0/29"}), "10.0.0.0/29"},
               {Pools({"0.0.0.0/0"}), "0.0.0.0/0"},
               {Pools({"10.0.0.0/24", "10.0.0.0/28"}), "overlap"},
               {Pools({"10.0.0.0/28", "10.0.0.0/24"}), "overlap"},
               {Pools({"127.80.0.0/16"}), "loopback"},
               {Pools({"100.96.0.0/16"}), "carrier"},
               {Pools({"169.254.0.0/24"}), "link-local"},
               {Pools({"198.18.0.0/24"}), "benchmarking"},
               {Pools({"224.0.0.0/24"}), "multicast"},
               {Pools({"10.0.0.0/8"}), "at most 65024"},
               {crooked, "multiple"},
               {wild, "between"}};
  for (const auto& one : cases) {
    const absl::Status status = ValidatePoolOptions(one.options);
    EXPECT_TRUE(HasReason(status, kBadAddressPool)) << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(one.says));
  }
}

TEST(LoopbackOfSlot, NeverEndsIn0Or255AndNeverRepeats) {
  std::set<uint32_t> seen;
  for (uint32_t slot = 0; slot < 254 * 256; ++slot) {
    const Ipv4 ip = LoopbackOfSlot(slot);
    ASSERT_EQ(ip.value >> 16, 0x7f50U) << slot;
    ASSERT_NE(ip.value & 255, 0U) << slot;
    ASSERT_NE(ip.value & 255, 255U) << slot;
    ASSERT_TRUE(seen.insert(ip.value).second) << slot;
  }
  EXPECT_EQ(LoopbackOfSlot(0).ToString(), "127.80.0.1");
  EXPECT_EQ(LoopbackOfSlot(253).ToString(), "127.80.0.254");
  EXPECT_EQ(LoopbackOfSlot(254).ToString(), "127.80.1.1");
}

// The numbers were computed apart from this code, with Python: a change of
// the hash would move every bottle that is not in the index.
TEST(ChooseSlot, FollowsTheHash) {
  const ChosenSlot first = Choose("researcher-m3hxd", PoolOptions());
  EXPECT_EQ(SubnetOf(first.lease), "172.16.216.144/28");
  EXPECT_EQ(Ipv4{first.lease.loopback}.ToString(), "127.80.1.140");
  EXPECT_EQ(first.lease.slug, "researcher-m3hxd");
  EXPECT_THAT(first.displaced, IsEmpty());
  const ChosenSlot second =
      Choose("researcher-m3hxd", PoolOptions(), std::nullopt, {first.lease});
  EXPECT_EQ(SubnetOf(second.lease), "172.16.192.160/28");
}

TEST(ChooseSlot, FillsAllPoolsWithDistinctAddresses) {
  const PoolOptions options;
  std::vector<AddressLease> leases;
  std::set<uint32_t> subnets;
  std::set<uint32_t> loopbacks;
  for (int i = 0; i < 2048; ++i) {
    const auto chosen =
        ChooseSlot(fmt::format("a-{}", i), options, std::nullopt, leases, {});
    ASSERT_TRUE(chosen.ok()) << i << chosen.status();
    leases.push_back(chosen->lease);
    ASSERT_TRUE(subnets.insert(chosen->lease.subnet).second) << i;
    ASSERT_TRUE(loopbacks.insert(chosen->lease.loopback).second) << i;
    const Ipv4Net net = {{chosen->lease.subnet}, chosen->lease.prefix};
    EXPECT_TRUE(options.pools[i < 1024 ? 0 : 1].Overlaps(net)) << i;
  }
  const auto full = ChooseSlot("one-more", options, std::nullopt, leases, {});
  EXPECT_TRUE(HasReason(full.status(), kAddressesExhausted)) << full.status();
  EXPECT_EQ(full.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.status().message()), HasSubstr("use 2048"));
}

TEST(ChooseSlot, StaysOutOfWhatIsInUse) {
  // Only the last /28 of the /24 is left.
  const PoolOptions options = Pools({"10.9.8.0/24"});
  const ChosenSlot chosen =
      Choose("a-00000", options, std::nullopt, {LeaseOf("b", "10.9.8.0/25")},
             {{Net("10.9.8.128/26"), "docker network foo"},
              {Net("10.9.8.192/27"), "interface eth0"},
              {Net("10.9.8.227/32"), "nameserver"}});
  EXPECT_EQ(SubnetOf(chosen.lease), "10.9.8.240/28");
}

TEST(ChooseSlot, HeedsTheConfiguredAvoidList) {
  PoolOptions options = Pools({"10.9.8.0/27"});
  options.avoid = {Net("10.9.8.0/28")};
  EXPECT_EQ(SubnetOf(Choose("a", options).lease), "10.9.8.16/28");
}

TEST(ChooseSlot, NamesWhatIsInTheWay) {
  std::vector<BlockedNet> blocked = {
      {Net("172.16.0.0/12"), "docker network foo"},
      {Net("10.0.0.0/8"), "interface \x1b[31mtun0"}};
  const auto none = ChooseSlot("a", PoolOptions(), std::nullopt, {}, blocked);
  ASSERT_TRUE(HasReason(none.status(), kAddressesExhausted));
  const std::string message(none.status().message());
  EXPECT_THAT(message, HasSubstr("docker network foo (172.16.0.0/12)"));
  EXPECT_THAT(message, HasSubstr("tun0 (10.0.0.0/8)"));
  EXPECT_THAT(message, Not(HasSubstr("\x1b")));

  blocked.clear();
  for (int i = 0; i < 16; ++i) {
    blocked.push_back({{{0x0a090800U + static_cast<uint32_t>(i) * 16}, 28},
                       fmt::format("docker network n{}", i)});
  }
  const auto many =
      ChooseSlot("a", Pools({"10.9.8.0/24"}), std::nullopt, {}, blocked);
  EXPECT_THAT(std::string(many.status().message()), HasSubstr("and 11 more"));
}

TEST(ChooseSlot, KeepsALeaseWhateverThePoolsAre) {
  AddressLease own = LeaseOf("a", "192.168.77.0/24", "127.80.9.9");
  own.state = LeaseState::kActive;
  const ChosenSlot chosen =
      Choose("a", PoolOptions(), own, {LeaseOf("b", "192.168.78.0/24")},
             {{Net("192.168.78.0/23"), "interface eth0"}});
  EXPECT_EQ(chosen.lease, own);
  EXPECT_THAT(chosen.displaced, IsEmpty());
}

TEST(ChooseSlot, DisplacesALeaseAndSaysWhy) {
  const AddressLease own = LeaseOf("a", "172.16.192.16/28", "127.80.0.2");
  PoolOptions avoiding;
  avoiding.avoid = {Net("172.16.192.0/24")};
  const struct {
    PoolOptions options;
    std::vector<AddressLease> others;
    std::vector<BlockedNet> blocked;
    const char* why;
  } cases[] = {
      {{},
       {},
       {{Net("172.16.0.0/16"), "docker network foo"}},
       "172.16.192.16/28 overlaps docker network foo (172.16.0.0/16)"},
      {{}, {LeaseOf("b", "172.16.192.0/24")}, {}, "bottle b (172.16.192.0/24)"},
      {avoiding, {}, {}, "the configuration (avoid) (172.16.192.0/24)"}};
  for (const auto& one : cases) {
    const ChosenSlot chosen =
        Choose("a", one.options, own, one.others, one.blocked);
    EXPECT_THAT(chosen.displaced, HasSubstr(one.why));
    EXPECT_NE(chosen.lease.subnet, own.subnet);
    EXPECT_EQ(chosen.lease.state, LeaseState::kReserved);
  }
  const ChosenSlot shared =
      Choose("a", {}, LeaseOf("a", "100.96.0.0/28"), {}, {});
  EXPECT_THAT(shared.displaced, HasSubstr("carrier-grade"));
}

// A pool that was put in front moves the numbers of all slots.
TEST(ChooseSlot, SkipsLoopbackAddressesOfAnOlderConfiguration) {
  const PoolOptions old = Pools({"10.9.8.0/28"});
  const ChosenSlot first = Choose("a", old);
  const PoolOptions now = Pools({"10.1.1.0/27", "10.9.8.0/28"});
  const ChosenSlot second = Choose("b", now, std::nullopt, {first.lease});
  EXPECT_EQ(SubnetOf(second.lease), "10.1.1.16/28");
  EXPECT_NE(second.lease.loopback, first.lease.loopback);
}

TEST(ChooseSlot, LeasesOfOtherSizesAreSeenWhole) {
  // Smaller than a slot, larger than the pool, and somewhere else.
  const PoolOptions options = Pools({"10.9.8.0/26"});
  EXPECT_EQ(SubnetOf(Choose("a", options, std::nullopt,
                            {LeaseOf("b", "10.9.8.1/32", "127.80.5.1"),
                             LeaseOf("c", "10.9.8.32/27", "127.80.5.2"),
                             LeaseOf("d", "10.9.9.0/24", "127.80.5.3")})
                         .lease),
            "10.9.8.16/28");
  EXPECT_TRUE(HasReason(ChooseSlot("a", options, std::nullopt,
                                   std::vector{LeaseOf("b", "0.0.0.0/0")}, {})
                            .status(),
                        kAddressesExhausted));
}

TEST(ChooseSlot, ManyProbesWithManyLeasesAndNetworks) {
  std::vector<AddressLease> leases;
  for (uint32_t i = 0; i < 1000; ++i) {
    AddressLease lease;
    lease.slug = fmt::format("b-{}", i);
    lease.subnet = 0xac10c000 + i * 16;
    lease.loopback = LoopbackOfSlot(i).value;
    leases.push_back(lease);
  }
  std::vector<BlockedNet> blocked;
  for (uint32_t i = 0; i < 5000; ++i) {
    blocked.push_back({{{0xc0000000 + i * 256}, 24}, "route"});
  }
  std::set<uint32_t> free;
  for (int i = 0; i < 1000; ++i) {
    const auto chosen =
        ChooseSlot(fmt::format("s-{}", i), {}, std::nullopt, leases, blocked);
    ASSERT_TRUE(chosen.ok());
    EXPECT_GE(chosen->lease.subnet, 0xac10c000 + 1000 * 16U);
    free.insert(chosen->lease.subnet);
  }
  EXPECT_EQ(free.size(), 24U);
}

TEST(BlockedByHost, ClearsHostBitsAndNarrowsWhatIsWide) {
  const std::vector<HostNetwork> host = {
      {.address = 0xac10c011, .prefix = 28, .what = "interface br-1"},
      {.address = 0x0a000001, .prefix = 4, .what = "interface tun0"},
      {.address = 0x08080808, .prefix = 32, .what = "nameserver"},
      {.address = 0x08080808, .prefix = 99, .what = "route"}};
  const std::vector<BlockedNet> blocked = BlockedByHost(host);
  ASSERT_EQ(blocked.size(), 4U);
  EXPECT_EQ(blocked[0].net.ToString(), "172.16.192.16/28");
  EXPECT_EQ(blocked[0].what, "interface br-1");
  EXPECT_EQ(blocked[1].net.ToString(), "10.0.0.1/32");
  EXPECT_EQ(blocked[2].net.ToString(), "8.8.8.8/32");
  EXPECT_EQ(blocked[3].net.ToString(), "8.8.8.8/32");
}

TEST(WithoutOwn, RemovesTheBottlesBridgeAndNothingElse) {
  const std::vector<Ipv4Net> own = {Net("172.16.192.16/28")};
  const auto left = WithoutOwn({{Net("172.16.192.16/28"), "interface br-1"},
                                {Net("172.16.192.16/28"), "route"},
                                {Net("172.16.192.18/32"), "route"},
                                {Net("172.16.0.0/16"), "docker network foo"}},
                               own);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].net.prefix, 32);
  EXPECT_EQ(left[1].net.prefix, 16);
}

TEST(AddressesOf, GatewayAndBundle) {
  const Addresses addresses =
      AddressesOf(LeaseOf("a", "172.16.192.16/28", "127.80.0.2"),
                  EndpointMode::kLoopback, true);
  EXPECT_EQ(addresses.subnet.ToString(), "172.16.192.16/28");
  EXPECT_EQ(addresses.gateway.ToString(), "172.16.192.17");
  EXPECT_EQ(addresses.bundle_ip.ToString(), "172.16.192.18");
  EXPECT_EQ(addresses.endpoint_ip().ToString(), "127.80.0.2");
  EXPECT_TRUE(addresses.docker_checked);
}

}  // namespace
}  // namespace bottled
