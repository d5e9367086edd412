#include "bottle/ipv4.h"

#include <string>

#include "gtest/gtest.h"

namespace bottled {
namespace {

Ipv4Net Net(std::string_view text) {
  const auto net = Ipv4Net::Parse(text);
  EXPECT_TRUE(net.has_value()) << text;
  return net.value_or(Ipv4Net());
}

TEST(Ipv4, ReadsAndWrites) {
  const struct {
    const char* text;
    uint32_t value;
  } cases[] = {{"0.0.0.0", 0},
               {"255.255.255.255", 0xffffffff},
               {"172.16.192.1", 0xac10c001},
               {"1.2.3.4", 0x01020304}};
  for (const auto& one : cases) {
    const auto ip = Ipv4::Parse(one.text);
    ASSERT_TRUE(ip.has_value()) << one.text;
    EXPECT_EQ(ip->value, one.value);
    EXPECT_EQ(ip->ToString(), one.text);
  }
}

TEST(Ipv4, RefusesWhatIsNoAddress) {
  const std::string_view cases[] = {"",
                                    "1",
                                    "1.2.3",
                                    "1.2.3.",
                                    ".1.2.3",
                                    "1.2.3.4.5",
                                    "1.2.3.4.",
                                    "1..3.4",
                                    "256.1.1.1",
                                    "1.2.3.1000",
                                    "01.2.3.4",
                                    "1.2.3.00",
                                    "0x1.2.3.4",
                                    "-1.2.3.4",
                                    "+1.2.3.4",
                                    " 1.2.3.4",
                                    "1.2.3.4 ",
                                    "1.2.3.4/24",
                                    "::1",
                                    "1,2,3,4",
                                    "1.2.3.\n4",
                                    "1.2.3.4\n",
                                    "a.b.c.d",
                                    "٣.2.3.4",
                                    std::string_view("1.2.3.4\0", 8)};
  for (const std::string_view text : cases) {
    EXPECT_FALSE(Ipv4::Parse(text).has_value()) << text;
  }
  EXPECT_FALSE(Ipv4::Parse(std::string(100'000, '1')).has_value());
}

TEST(Ipv4Net, ReadsAndClearsHostBits) {
  const struct {
    const char* text;
    const char* net;
  } cases[] = {{"10.0.0.0/8", "10.0.0.0/8"},
               {"10.1.2.3/8", "10.0.0.0/8"},
               {"172.16.192.17/28", "172.16.192.16/28"},
               {"1.2.3.4", "1.2.3.4/32"},
               {"1.2.3.4/32", "1.2.3.4/32"},
               {"1.2.3.5/31", "1.2.3.4/31"},
               {"255.255.255.255/0", "0.0.0.0/0"}};
  for (const auto& one : cases) {
    EXPECT_EQ(Net(one.text).ToString(), one.net) << one.text;
  }
}

TEST(Ipv4Net, RefusesWhatIsNoNetwork) {
  for (const char* text :
       {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1",
        "10.0.0.0/8/8", "10.0.0/8", "10.0.0.0/ 8", "fd00::/8",
        "10.0.0.0/255.0.0.0", "10.0.0.0/4294967304"}) {
    EXPECT_FALSE(Ipv4Net::Parse(text).has_value()) << text;
  }
}

TEST(Ipv4Net, OverlapIsSymmetric) {
  const struct {
    const char* a;
    const char* b;
    bool overlap;
  } cases[] = {{"10.0.0.0/8", "10.9.0.0/16", true},
               {"10.0.0.0/8", "11.0.0.0/8", false},
               {"0.0.0.0/0", "255.255.255.255/32", true},
               {"172.16.192.0/28", "172.16.192.16/28", false},
               {"172.16.192.0/27", "172.16.192.16/28", true},
               {"1.2.3.4/32", "1.2.3.4/32", true},
               {"1.2.3.4/32", "1.2.3.5/32", false}};
  for (const auto& one : cases) {
    EXPECT_EQ(Net(one.a).Overlaps(Net(one.b)), one.overlap) << one.a << one.b;
    EXPECT_EQ(Net(one.b).Overlaps(Net(one.a)), one.overlap) << one.a << one.b;
  }
}

TEST(Ipv4Net, ContainsItsAddressesOnly) {
  const Ipv4Net net = Net("172.16.192.16/28");
  EXPECT_FALSE(net.Contains({net.address.value - 1}));
  EXPECT_TRUE(net.Contains(net.At(0)));
  EXPECT_TRUE(net.Contains(net.At(15)));
  EXPECT_FALSE(net.Contains(net.At(16)));
  EXPECT_EQ(net.At(1).ToString(), "172.16.192.17");
  EXPECT_TRUE(Net("0.0.0.0/0").Contains({0xffffffff}));
}

}  // namespace
}  // namespace bottled
