#include "engine/networks.h"

#include <string>

#include "engine/tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Pair;
using ::testing::SizeIs;

// As API 1.41 answers, written by hand; members that do not matter are few.
constexpr char kThree[] = R"([
  {"Name":"bridge","Id":"0a1b","Created":"2026-01-01T00:00:00Z",
   "Scope":"local","Driver":"bridge","EnableIPv6":false,
   "IPAM":{"Driver":"default","Options":null,
           "Config":[{"Subnet":"172.17.0.0/16","Gateway":"172.17.0.1"}]},
   "Internal":false,"Containers":{},"Options":{"a":"b"},"Labels":{}},
  {"Name":"host","Id":"2c3d","Driver":"host",
   "IPAM":{"Driver":"default","Options":null,"Config":[]},"Labels":null},
  {"Name":"claude-bottle-bundle-a-00000","Id":"4e5f","Driver":"bridge",
   "IPAM":{"Config":[{"Subnet":"fd00:1::/64"},
                     {"Subnet":"172.16.192.16/28","IPRange":"",
                      "AuxiliaryAddresses":{"a":"172.16.192.20"}},
                     {"Gateway":"10.0.0.1"},
                     {"Subnet":"10.1.0.0/16"}]},
   "Labels":{"bottled.slug":"a-00000","bottled.lease":"7"}}])";

TEST(ParseNetworks, ReadsNamesSubnetsAndLabels) {
  const auto networks = ParseNetworks(kThree);
  ASSERT_THAT(networks, IsOk());
  ASSERT_THAT(*networks, SizeIs(3));
  EXPECT_EQ((*networks)[0], (EngineNetwork{.name = "bridge",
                                           .id = "0a1b",
                                           .driver = "bridge",
                                           .subnets = {"172.17.0.0/16"},
                                           .labels = {}}));
  EXPECT_THAT((*networks)[1].subnets, IsEmpty());
  EXPECT_THAT((*networks)[2].subnets,
              ElementsAre("172.16.192.16/28", "10.1.0.0/16"));
  EXPECT_THAT(
      (*networks)[2].labels,
      ElementsAre(Pair("bottled.lease", "7"), Pair("bottled.slug", "a-00000")));
}

TEST(ParseNetworks, MembersMayBeMissing) {
  for (const char* text :
       {R"([{"Name":"a"}])", R"([{"Name":"a","Id":null,"Driver":null,
        "IPAM":null,"Labels":null}])",
        R"([{"Name":"a","IPAM":{}}])",
        R"([{"Name":"a","IPAM":{"Config":null}}])",
        R"([{"Name":"a","IPAM":{"Config":[]}}])",
        R"([{"Name":"a","IPAM":{"Config":[{}]}}])",
        R"([{"Name":"a","IPAM":{"Config":[{"Subnet":null}]}}])"}) {
    const auto networks = ParseNetworks(text);
    ASSERT_THAT(networks, IsOk()) << text;
    ASSERT_THAT(*networks, SizeIs(1)) << text;
    EngineNetwork bare;
    bare.name = "a";
    EXPECT_EQ(networks->front(), bare) << text;
  }
  const auto none = ParseNetworks("[]");
  ASSERT_THAT(none, IsOk());
  EXPECT_THAT(*none, IsEmpty());
}

TEST(ParseNetworks, RefusesWhatItCannotRead) {
  for (const std::string& text : {
           std::string(),
           std::string("{}"),
           std::string("null"),
           std::string("[null]"),
           std::string("[[]]"),
           std::string("[1]"),
           std::string("[{}]"),
           std::string(R"([{"Name":""}])"),
           std::string(R"([{"Name":1}])"),
           std::string(R"([{"Name":"a","Name":"b"}])"),
           std::string(R"([{"Name":"a","Id":{}}])"),
           std::string(R"([{"Name":"a","IPAM":[]}])"),
           std::string(R"([{"Name":"a","IPAM":{"Config":{}}}])"),
           std::string(R"([{"Name":"a","IPAM":{"Config":"x"}}])"),
           std::string(R"([{"Name":"a","IPAM":{"Config":[null]}}])"),
           std::string(R"([{"Name":"a","IPAM":{"Config":["10.0.0.0/8"]}}])"),
           std::string(R"([{"Name":"a","IPAM":{"Config":[{"Subnet":1}]}}])"),
           std::string(R"([{"Name":"a","Labels":[]}])"),
           std::string(R"([{"Name":"a","Labels":{"x":1}}])"),
           std::string(kThree).substr(0, 200),
           std::string(100'000, '['),
       }) {
    EXPECT_THAT(ParseNetworks(text), FailsWith("ENGINE_ANSWER_INVALID"))
        << text.substr(0, 100);
  }
}

TEST(ParseNetworks, TextsAreMadePrintableAndCut) {
  const auto networks = ParseNetworks(
      R"([{"Name":"a\u001b[31m\n","Id":")" + std::string(100'000, 'x') +
      R"(","IPAM":{"Config":[{"Subnet":"\u202e1.2.3.4"}]},)"
      R"("Labels":{"k\r":"v\u0000"}}])");
  ASSERT_THAT(networks, IsOk());
  const EngineNetwork& network = networks->front();
  EXPECT_EQ(network.name, "a\\x1b[31m\\x0a");
  EXPECT_LE(network.id.size(), 512U);
  EXPECT_EQ(network.subnets[0].find("\u202e"), std::string::npos);
  EXPECT_THAT(network.labels, ElementsAre(Pair("k\\x0d", "v\\x00")));
}

}  // namespace
}  // namespace bottled
