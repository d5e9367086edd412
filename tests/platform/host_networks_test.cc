#include "platform/host_networks.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/in_child.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

HostNetwork Route(uint32_t address, int prefix) {
  return {.address = address, .prefix = prefix, .what = "route"};
}

template <typename T>
std::string Raw(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string Message(uint16_t type, const std::string& body,
                    uint16_t flags = NLM_F_MULTI) {
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<uint32_t>(sizeof(header) + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  std::string text = Raw(header) + body;
  text.resize((text.size() + 3) & ~size_t{3});
  return text;
}

std::string Attribute(uint16_t type, const std::string& body) {
  rtattr header = {};
  header.rta_len = static_cast<uint16_t>(sizeof(header) + body.size());
  header.rta_type = type;
  std::string text = Raw(header) + body;
  text.resize((text.size() + 3) & ~size_t{3});
  return text;
}

std::string RouteBody(uint32_t address, uint8_t prefix,
                      uint8_t type = RTN_UNICAST, uint8_t family = AF_INET) {
  rtmsg route = {};
  route.rtm_family = family;
  route.rtm_dst_len = prefix;
  route.rtm_type = type;
  // As the kernel sends them: the table comes first.
  return Raw(route) + Attribute(RTA_TABLE, Raw(uint32_t{254})) +
         Attribute(RTA_DST, Raw(htonl(address))) +
         Attribute(RTA_OIF, Raw(uint32_t{2}));
}

std::string NewRoute(uint32_t address, uint8_t prefix,
                     uint8_t type = RTN_UNICAST, uint8_t family = AF_INET) {
  return Message(RTM_NEWROUTE, RouteBody(address, prefix, type, family));
}

std::string Done() { return Message(NLMSG_DONE, Raw(int{0})); }

TEST(ParseRouteDump, TakesWhatCounts) {
  std::vector<HostNetwork> out;
  const std::string bytes = NewRoute(0x0a000000, 8) + NewRoute(0xac100000, 12) +
                            NewRoute(0x80000000, 1) + NewRoute(0, 0) +
                            NewRoute(0x0a000001, 7) +
                            NewRoute(0xc0a80001, 32, RTN_LOCAL) +
                            NewRoute(0xc0a800ff, 32, RTN_BROADCAST) +
                            NewRoute(0xe0000000, 8, RTN_MULTICAST) +
                            NewRoute(0x0a090000, 16, RTN_BLACKHOLE) +
                            NewRoute(0xfd000000, 16, RTN_UNICAST, AF_INET6) +
                            Message(RTM_NEWLINK, "whatever this may be");
  const auto more = ParseRouteDump(bytes, out);
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_FALSE(more->done);
  EXPECT_FALSE(more->inconsistent);
  EXPECT_THAT(out, ElementsAre(Route(0x0a000000, 8), Route(0xac100000, 12),
                               Route(0x0a090000, 16)));
  // What follows the end does not count.
  const auto done = ParseRouteDump(Done() + NewRoute(1, 32), out);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(done->done);
  EXPECT_EQ(out.size(), 3U);
}

TEST(ParseRouteDump, TellsThatRoutesChanged) {
  std::vector<HostNetwork> out;
  const auto result =
      ParseRouteDump(Message(RTM_NEWROUTE, RouteBody(0x0a000000, 8),
                             NLM_F_MULTI | NLM_F_DUMP_INTR) +
                         Done(),
                     out);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->done);
  EXPECT_TRUE(result->inconsistent);
  EXPECT_EQ(out.size(), 1U);
}

TEST(ParseRouteDump, ReportsTheKernelsError) {
  std::vector<HostNetwork> out;
  nlmsgerr error = {};
  error.error = -EPERM;
  const auto refused = ParseRouteDump(Message(NLMSG_ERROR, Raw(error)), out);
  EXPECT_TRUE(HasReason(refused.status(), "PERMISSION_DENIED"))
      << refused.status();
}

TEST(ParseRouteDump, RefusesMalformedMessages) {
  const std::string good = NewRoute(0x0a000000, 8);
  nlmsghdr tiny = {};
  tiny.nlmsg_len = 3;
  tiny.nlmsg_type = RTM_NEWROUTE;
  nlmsghdr empty = tiny;
  empty.nlmsg_len = 0;
  nlmsghdr huge = tiny;
  huge.nlmsg_len = 0xffffffff;
  rtmsg route = {};
  route.rtm_family = AF_INET;
  route.rtm_dst_len = 16;
  rtattr endless = {};
  endless.rta_len = 0xffff;
  endless.rta_type = RTA_DST;
  const rtattr zero = {};
  const std::string cases[] = {
      Raw(tiny),
      Raw(empty),
      Raw(huge),
      good + Raw(huge),
      "x",
      Message(RTM_NEWROUTE, ""),
      Message(RTM_NEWROUTE, Raw(route).substr(0, 5)),
      Message(RTM_NEWROUTE, Raw(route) + Raw(endless)),
      Message(RTM_NEWROUTE, Raw(route) + Raw(zero) + std::string(64, '\0')),
      Message(RTM_NEWROUTE, Raw(route) + Attribute(RTA_DST, "ab")),
      NewRoute(0x0a000000, 33),
      NewRoute(0x0a000000, 255),
      Message(NLMSG_ERROR, ""),
      Message(NLMSG_ERROR, Raw(int{0}))};
  for (const std::string& bytes : cases) {
    std::vector<HostNetwork> out;
    const auto result = ParseRouteDump(bytes, out);
    EXPECT_TRUE(HasReason(result.status(), "IO_ERROR"))
        << &bytes - cases << ": " << result.status();
  }
}

TEST(ParseRouteDump, EveryCutIsAnErrorOrMore) {
  const std::string whole = NewRoute(0x0a000000, 8) + NewRoute(0xac100000, 12);
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    std::vector<HostNetwork> out;
    // Its own allocation, so that reading beyond shows under ASan.
    const std::vector<char> bytes(whole.begin(),
                                  whole.begin() + static_cast<long>(cut));
    const auto result =
        ParseRouteDump(std::string_view(bytes.data(), bytes.size()), out);
    const bool boundary = cut == 0 || cut == NewRoute(0x0a000000, 8).size();
    EXPECT_EQ(result.ok(), boundary) << cut;
  }
}

TEST(ParseRouteDump, SurvivesDamage) {
  const std::string whole =
      NewRoute(0x0a000000, 8) + NewRoute(0xac100000, 12) + Done();
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 3; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    std::vector<HostNetwork> out;
    (void)ParseRouteDump(bytes, out);
    for (const HostNetwork& route : out) {
      EXPECT_GE(route.prefix, 8);
      EXPECT_LE(route.prefix, 32);
    }
  }
}

TEST(ParseNameservers, Table) {
  const auto nameserver = [](uint32_t address) {
    return HostNetwork{.address = address, .prefix = 32, .what = "nameserver"};
  };
  EXPECT_THAT(ParseNameservers("# nameserver 1.1.1.1\n"
                               ";nameserver 1.1.1.2\n"
                               "search nameserver 1.1.1.3\n"
                               "nameserver 8.8.8.8\r\n"
                               "\tnameserver\t 10.0.0.2 # office\n"
                               "nameserver 127.0.0.53\n"
                               "nameserver ::1\n"
                               "nameserver fe80::1%eth0\n"
                               "nameserver\n"
                               "nameserver 1.2.3\n"
                               "nameservers 9.9.9.9\n"
                               "nameserver 192.168.1.1"),
              ElementsAre(nameserver(0x08080808), nameserver(0x0a000002),
                          nameserver(0xc0a80101)));
  EXPECT_THAT(ParseNameservers(""), IsEmpty());
  std::string many;
  for (int i = 0; i < 1000; ++i) {
    many += "nameserver 8.8.8.8\n";
  }
  EXPECT_EQ(ParseNameservers(many).size(), 64U);
}

TEST(ReadHostNetworks, HasAllInterfaces) {
  const auto networks = ReadHostNetworks();
  ASSERT_TRUE(networks.ok()) << networks.status();
  ifaddrs* list = nullptr;
  ASSERT_EQ(::getifaddrs(&list), 0);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) {
      continue;
    }
    sockaddr_in ip = {};
    std::memcpy(&ip, one->ifa_addr, sizeof(ip));
    const uint32_t address = ntohl(ip.sin_addr.s_addr);
    const bool found = std::any_of(
        networks->begin(), networks->end(), [&](const HostNetwork& network) {
          return network.address == address &&
                 network.what == std::string("interface ") + one->ifa_name;
        });
    EXPECT_EQ(found, address >> 24 != 127) << one->ifa_name;
  }
  ::freeifaddrs(list);
  for (const HostNetwork& network : *networks) {
    EXPECT_NE(network.address >> 24, 127U) << network.what;
  }
}

TEST(ReadHostNetworks, SeesInterfacesAndRoutesOfANamespace) {
  constexpr char kSkip[] = "skip";
  const std::string problem = RunInChild([&]() -> std::string {
    if (::unshare(CLONE_NEWNET) != 0 &&
        ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      return kSkip;
    }
    if (::system("{ ip link add b0 type bridge"
                 " && ip addr add 172.16.192.17/28 dev b0"
                 " && ip link set b0 up"
                 " && ip route add 10.9.0.0/16 dev b0 table 77"
                 " && ip route add blackhole 10.8.0.0/16"
                 " && ip route add 128.0.0.0/1 dev b0; } >/dev/null 2>&1") !=
        0) {
      return kSkip;
    }
    const auto networks = ReadHostNetworks();
    if (!networks.ok()) {
      return networks.status().ToString();
    }
    const auto has = [&](const HostNetwork& wanted) {
      return std::find(networks->begin(), networks->end(), wanted) !=
             networks->end();
    };
    if (!has({.address = 0xac10c011, .prefix = 28, .what = "interface b0"})) {
      return "no interface";
    }
    if (!has(Route(0xac10c010, 28)) || !has(Route(0x0a090000, 16)) ||
        !has(Route(0x0a080000, 16))) {
      return "a route is missing";
    }
    return has(Route(0x80000000, 1)) ? "a wide route counts" : "";
  });
  if (problem == kSkip) {
    if (::getenv("CI") != nullptr) {
      FAIL() << "no network namespace, or no ip(8), for this user";
    }
    GTEST_SKIP() << "no network namespace, or no ip(8), for this user";
  }
  EXPECT_EQ(problem, "");
}

// More than one datagram.
TEST(ReadHostNetworks, ReadsLongRoutingTables) {
  constexpr char kSkip[] = "skip";
  const std::string problem = RunInChild([&]() -> std::string {
    if (::unshare(CLONE_NEWNET) != 0 &&
        ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      return kSkip;
    }
    if (::system("{ ip link add b0 type bridge && ip link set b0 up"
                 " && for i in $(seq 0 249); do for j in 0 1 2 3 4 5 6 7; do"
                 " echo route add 10.$i.$j.0/24 dev b0; done; done"
                 " | ip -batch -; } >/dev/null 2>&1") != 0) {
      return kSkip;
    }
    const auto networks = ReadHostNetworks();
    if (!networks.ok()) {
      return networks.status().ToString();
    }
    const auto routes = std::count_if(
        networks->begin(), networks->end(),
        [](const HostNetwork& network) { return network.what == "route"; });
    return routes == 2000 ? "" : "routes: " + std::to_string(routes);
  });
  if (problem == kSkip) {
    if (::getenv("CI") != nullptr) {
      FAIL() << "no network namespace, or no ip(8), for this user";
    }
    GTEST_SKIP() << "no network namespace, or no ip(8), for this user";
  }
  EXPECT_EQ(problem, "");
}

}  // namespace
}  // namespace bottled
