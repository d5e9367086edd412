#include "jobs/network_view.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/tools.h"
#include "fakes/fake_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/bottle_fixture.h"
#include "jobs/tools.h"
#include "platform/host_networks.h"

namespace bottled {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeReply;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using testing::NetworksReply;
using ::testing::Not;
using ::testing::Pair;

std::vector<std::string> BlockedTexts(const std::vector<BlockedNet>& blocked) {
  std::vector<std::string> texts;
  for (const BlockedNet& one : blocked) {
    texts.push_back(one.net.ToString() + " " + one.what);
  }
  return texts;
}

Ipv4Net NetFrom(const char* text) { return Ipv4Net::Parse(text).value(); }

class NetworkViewTest : public ::testing::Test {
 protected:
  NetworkViewTest() {
    fake_.Route("/networks", NetworksReply({{"bridge", {"172.17.0.0/16"}}}));
    fake_.Route("/info", FakeReply::Json(testing::kHostEngine));
  }

  std::shared_ptr<const NetworkView> Read(bool fresh = false) {
    return views_.Read(testing::EndpointOf(fake_), fresh, CancelToken());
  }
  int Looks() const { return fake_.CountRequests("/networks"); }
  // As a view has them when no engine adds any.
  static std::vector<std::string> HostTexts() {
    return BlockedTexts(BlockedByHost(ReadHostNetworks().value()));
  }

  testing::FakeEngine fake_;
  testing::TestClock clock_;
  Engines engines_{testing::PatientOptions()};
  NetworkViews views_{engines_, clock_};
};

TEST_F(NetworkViewTest, NetworksOfTheEngineAreBlocked) {
  fake_.Route("/networks",
              NetworksReply({{"bridge", {"172.17.0.0/16"}},
                             {"host", {}},
                             {"two", {"10.9.1.0/24", "10.9.2.7/24"}},
                             {"six", {"fd00::/64", "nonsense"}}}));
  const auto view = Read();
  EXPECT_TRUE(view->docker_checked);
  EXPECT_NE(view->bridge_unreachable, true);
  const std::vector<std::string> blocked = BlockedTexts(view->blocked);
  EXPECT_THAT(blocked, IsSupersetOf({"172.17.0.0/16 docker network bridge",
                                     "10.9.1.0/24 docker network two",
                                     "10.9.2.0/24 docker network two"}));
  EXPECT_THAT(blocked, Not(Contains(HasSubstr("docker network host"))));
  EXPECT_THAT(blocked, Not(Contains(HasSubstr("docker network six"))));
  EXPECT_THAT(view->bottle_networks, IsEmpty());
}

TEST_F(NetworkViewTest, NetworksOfBottlesAreKnownByTheirName) {
  fake_.Route(
      "/networks",
      NetworksReply({{"claude-bottle-bundle-demo-abcde",
                      {"172.16.192.0/28", "172.16.193.0/28"}},
                     {"claude-bottle-bundle-demo-fghij", {"10.231.192.16/28"}},
                     {"claude-bottle-bundle-none", {}},
                     {"my-claude-bottle-bundle-x", {"10.8.0.0/24"}}}));
  const auto view = Read();
  EXPECT_THAT(view->bottle_networks,
              ElementsAre(Pair("claude-bottle-bundle-demo-abcde",
                               ElementsAre(NetFrom("172.16.192.0/28"),
                                           NetFrom("172.16.193.0/28"))),
                          Pair("claude-bottle-bundle-demo-fghij",
                               ElementsAre(NetFrom("10.231.192.16/28")))));
  // To other bottles they are in the way.
  EXPECT_THAT(
      BlockedTexts(view->blocked),
      IsSupersetOf(
          {"172.16.192.0/28 docker network claude-bottle-bundle-demo-abcde",
           "172.16.193.0/28 docker network claude-bottle-bundle-demo-abcde",
           "10.231.192.16/28 docker network claude-bottle-bundle-demo-fghij",
           "10.8.0.0/24 docker network my-claude-bottle-bundle-x"}));
}

TEST_F(NetworkViewTest, NamesArePrintable) {
  fake_.Route("/networks",
              NetworksReply({{R"(a\u001b[31m\nb)", {"10.9.1.0/24"}}}));
  for (const std::string& text : BlockedTexts(Read()->blocked)) {
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\n")));
  }
  EXPECT_THAT(BlockedTexts(Read()->blocked),
              Contains(HasSubstr("10.9.1.0/24 docker network a")));
}

TEST_F(NetworkViewTest, TheHostsNetworksAreAlwaysThere) {
  const std::vector<std::string> host = HostTexts();
  EXPECT_THAT(BlockedTexts(Read()->blocked), IsSupersetOf(host));
  const auto without = views_.Read(std::nullopt, false, CancelToken());
  EXPECT_EQ(BlockedTexts(without->blocked), host);
  EXPECT_FALSE(without->docker_checked);
  EXPECT_EQ(without->bridge_unreachable, std::nullopt);
  EXPECT_EQ(Looks(), 1) << "nobody named an engine the second time";
  fake_.Stop();
  EXPECT_EQ(BlockedTexts(Read(/*fresh=*/true)->blocked), host);
}

TEST_F(NetworkViewTest, AnEngineThatDoesNotAnswerIsNoError) {
  fake_.Stop();
  const auto gone = Read();
  EXPECT_FALSE(gone->docker_checked);
  EXPECT_THAT(gone->bottle_networks, IsEmpty());
  fake_.Start();
  // What it could not see is remembered as long as what it saw.
  EXPECT_EQ(Read(), gone);
  clock_.Advance(std::chrono::milliseconds(3001));
  EXPECT_TRUE(Read()->docker_checked);
}

TEST_F(NetworkViewTest, AnAnswerThatCannotBeReadIsNone) {
  // One of them could be the network that is in the way.
  const FakeReply replies[] = {
      FakeReply::Json(R"([{"Name":"a","IPAM":{"Config":[{"Subnet":)"
                      R"("10.9.1.0/24"}]}},{"Name":""}])"),
      FakeReply::Json("{}"), FakeReply::Error(500, "no"),
      FakeReply{.hang_up = true}};
  for (const FakeReply& reply : replies) {
    fake_.Route("/networks", reply);
    const auto view = Read(/*fresh=*/true);
    EXPECT_FALSE(view->docker_checked) << reply.body;
    EXPECT_EQ(BlockedTexts(view->blocked), HostTexts()) << reply.body;
  }
}

TEST_F(NetworkViewTest, IsKeptForThreeSeconds) {
  const auto first = Read();
  EXPECT_EQ(Looks(), 1);
  fake_.Route("/networks", NetworksReply({}));
  clock_.Advance(std::chrono::milliseconds(3000));
  EXPECT_EQ(Read(), first);
  EXPECT_EQ(Looks(), 1);
  clock_.Advance(std::chrono::milliseconds(1));
  const auto second = Read();
  EXPECT_EQ(Looks(), 2);
  EXPECT_THAT(BlockedTexts(first->blocked),
              Contains(HasSubstr("docker network")));
  EXPECT_THAT(BlockedTexts(second->blocked),
              Not(Contains(HasSubstr("docker network"))));
}

TEST_F(NetworkViewTest, AFreshOneLooksAndIsKeptForOthers) {
  Read();
  fake_.Route("/networks", NetworksReply({{"new", {"10.9.1.0/24"}}}));
  clock_.Advance(std::chrono::milliseconds(2000));
  const auto fresh = Read(/*fresh=*/true);
  EXPECT_EQ(Looks(), 2);
  EXPECT_THAT(BlockedTexts(fresh->blocked),
              Contains("10.9.1.0/24 docker network new"));
  // Its time counts from when it was made.
  clock_.Advance(std::chrono::milliseconds(3000));
  EXPECT_EQ(Read(), fresh);
  EXPECT_EQ(Looks(), 2);
}

TEST_F(NetworkViewTest, TheEnginesDescriptionSaysWhetherBridgesAreReached) {
  const struct {
    const char* info;
    bool unreachable;
  } kCases[] = {
      {testing::kHostEngine, false},
      {testing::kVmEngine, true},
      {R"({"OperatingSystem":"OrbStack"})", true},
      {R"({"SecurityOptions":["name=seccomp","name=rootless"]})", true},
      {R"({"KernelVersion":"0.0.1-of-another-machine"})", true},
  };
  for (const auto& test : kCases) {
    fake_.Route("/info", FakeReply::Json(test.info));
    // Others keep what they know of the engine.
    NetworkViews views(engines_, clock_);
    const auto view =
        views.Read(testing::EndpointOf(fake_), false, CancelToken());
    EXPECT_TRUE(view->docker_checked);
    EXPECT_EQ(view->bridge_unreachable, test.unreachable) << test.info;
  }
}

TEST_F(NetworkViewTest, TheDescriptionIsAskedForOnce) {
  fake_.Route("/info", FakeReply::Json(testing::kVmEngine));
  EXPECT_EQ(Read()->bridge_unreachable, true);
  EXPECT_EQ(Read(/*fresh=*/true)->bridge_unreachable, true);
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(Read()->bridge_unreachable, true);
  EXPECT_EQ(Looks(), 3);
  EXPECT_EQ(fake_.CountRequests("/info"), 1);
}

TEST_F(NetworkViewTest, ADescriptionThatFailsIsAskedForAgain) {
  fake_.Route("/info", FakeReply::Error(500, "not now"));
  const auto view = Read();
  EXPECT_TRUE(view->docker_checked) << "the networks are known all the same";
  EXPECT_EQ(view->bridge_unreachable, std::nullopt);
  fake_.Route("/info", FakeReply::Json(testing::kVmEngine));
  EXPECT_EQ(Read(/*fresh=*/true)->bridge_unreachable, true);
}

TEST_F(NetworkViewTest, EachEngineHasItsOwn) {
  testing::FakeEngine other;
  other.Route("/networks", NetworksReply({{"theirs", {"10.9.1.0/24"}}}));
  other.Route("/info", FakeReply::Json(testing::kVmEngine));
  const auto mine = Read();
  const auto theirs =
      views_.Read(testing::EndpointOf(other), false, CancelToken());
  EXPECT_NE(mine->bridge_unreachable, true);
  EXPECT_EQ(theirs->bridge_unreachable, true);
  EXPECT_THAT(BlockedTexts(mine->blocked), Not(Contains(HasSubstr("theirs"))));
  EXPECT_THAT(BlockedTexts(theirs->blocked), Contains(HasSubstr("theirs")));
  EXPECT_EQ(Read(), mine);
  EXPECT_EQ(Looks(), 1);
}

TEST_F(NetworkViewTest, CallersAtOnceShareOneLook) {
  std::atomic<bool> hold = true;
  fake_.Route("/networks", [&](const testing::FakeRequest&) {
    EXPECT_TRUE(testing::WaitUntil([&] { return !hold; }));
    return NetworksReply({});
  });
  constexpr size_t kCallers = 4;
  std::vector<std::shared_ptr<const NetworkView>> views(kCallers);
  std::vector<std::thread> threads;
  std::atomic<size_t> started = 0;
  for (size_t i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      ++started;
      views[i] = Read();
    });
  }
  EXPECT_TRUE(testing::WaitUntil([&] { return started == kCallers; }));
  EXPECT_TRUE(fake_.WaitForRequest("/networks", std::chrono::seconds(60)));
  hold = false;
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(Looks(), 1);
  for (const auto& view : views) {
    EXPECT_EQ(view, views[0]);
    EXPECT_TRUE(view->docker_checked);
  }
}

TEST_F(NetworkViewTest, ACancelledLookEnds) {
  fake_.Route("/networks", FakeReply{.delay = std::chrono::hours(1)});
  CancelSource source;
  std::thread canceller([&] {
    fake_.WaitForRequest("/networks", std::chrono::seconds(60));
    source.Cancel();
  });
  const auto view =
      views_.Read(testing::EndpointOf(fake_), false, source.token());
  canceller.join();
  EXPECT_FALSE(view->docker_checked);
}

// Regression: for three seconds others were told that docker did not answer.
TEST_F(NetworkViewTest, ACancelledLookIsNotKeptForOthers) {
  CancelSource source;
  source.Cancel();
  views_.Read(testing::EndpointOf(fake_), false, source.token());
  EXPECT_TRUE(Read()->docker_checked);
}

}  // namespace
}  // namespace bottled
