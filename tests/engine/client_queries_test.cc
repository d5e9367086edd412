#include <sys/utsname.h>

#include <string>

#include "engine/client.h"
#include "engine/client_fixture.h"
#include "engine/tools.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

using testing::ClientTest;
using testing::EngineFixture;
using testing::FailsWith;
using testing::FakeReply;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::MessageOf;
using ::testing::SizeIs;

class ClientQueries : public ClientTest {};

TEST_F(ClientQueries, ListsNetworks) {
  fake_.Route("/networks", FakeReply::Json(R"([{"Name":"bridge","IPAM":
      {"Config":[{"Subnet":"172.17.0.0/16"}]}},{"Name":"none"}])"));
  const auto networks = client_.ListNetworks({});
  ASSERT_THAT(networks, IsOk());
  ASSERT_THAT(*networks, SizeIs(2));
  EXPECT_EQ((*networks)[0].subnets[0], "172.17.0.0/16");
  EXPECT_EQ(Last("/networks").method, "GET");
  EXPECT_EQ(Last("/networks").version, "1.41");
}

TEST_F(ClientQueries, DescribesTheEngine) {
  utsname host = {};
  ASSERT_EQ(::uname(&host), 0);
  auto info =
      nlohmann::json::parse(EngineFixture("docker-29.7.2-overlay2/info.json"));
  info["KernelVersion"] = host.release;
  fake_.Route("/info", FakeReply::Json(info.dump()));
  const auto here = client_.Describe({});
  ASSERT_THAT(here, IsOk());
  EXPECT_EQ(here->server_version, "29.7.2");
  EXPECT_EQ(here->kind, EngineKind::kNative);
  EXPECT_TRUE(here->BridgeReachable());
  EXPECT_EQ(Last("/info").version, "1.41");

  info["KernelVersion"] = "6.6.12-linuxkit";
  fake_.Route("/info", FakeReply::Json(info.dump()));
  const auto elsewhere = client_.Describe({});
  ASSERT_THAT(elsewhere, IsOk());
  EXPECT_TRUE(elsewhere->in_vm);
}

TEST_F(ClientQueries, EngineFailuresAreTyped) {
  fake_.Route("/networks", FakeReply::Error(500, "no such thing today"));
  const auto failed = client_.ListNetworks({});
  EXPECT_THAT(failed, FailsWith("ENGINE_ERROR"));
  EXPECT_THAT(MessageOf(failed.status()), HasSubstr("no such thing today"));
  // Not routed: 404.
  EXPECT_THAT(client_.Describe({}), FailsWith("ENGINE_ERROR"));
  fake_.Route("/info", FakeReply::Json("[]"));
  EXPECT_THAT(client_.Describe({}), FailsWith("ENGINE_ANSWER_INVALID"));
  fake_.Route("/networks", FakeReply::Json("<html>"));
  EXPECT_THAT(client_.ListNetworks({}), FailsWith("ENGINE_ANSWER_INVALID"));
}

TEST_F(ClientQueries, BodiesAreBounded) {
  FakeReply endless = FakeReply::Json(std::string(1 << 20, ' '));
  endless.repeat = 64;
  fake_.Route("/networks", endless);
  EXPECT_THAT(client_.ListNetworks({}), FailsWith("ENGINE_ERROR"));
}

TEST_F(ClientQueries, CutAnswersAndAbsentEngines) {
  FakeReply cut = FakeReply::Json(R"([{"Name":"bridge"}])");
  cut.cut_at = 5;
  fake_.Route("/networks", cut);
  EXPECT_THAT(client_.ListNetworks({}), FailsWith("ENGINE_UNREACHABLE"));
  fake_.Stop();
  EXPECT_THAT(client_.ListNetworks({}), FailsWith("ENGINE_UNREACHABLE"));
  EXPECT_THAT(client_.Describe({}), FailsWith("ENGINE_UNREACHABLE"));
}

}  // namespace
}  // namespace bottled
