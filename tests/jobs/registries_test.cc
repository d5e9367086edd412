// Registries with a fake engine and a fake registry; real ones are in
// tests/e2e.

#include "jobs/registries.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "fakes/fake_engine.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using testing::FakeEngine;
using testing::FakeReply;
using testing::FakeRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::WaitUntil;
using Use = std::unique_ptr<Registries::Use>;

class RegistriesTest : public ::testing::Test {
 protected:
  RegistriesTest() {
    registry_.Route("/v2/", FakeReply::Json("{}"));
    engine_.Route("/containers/create", FakeReply::Json(R"({"Id":"c1"})", 201));
    engine_.Route("/containers/c1/start", FakeReply::Json("", 204));
    // Its name is random.
    engine_.Otherwise([](const FakeRequest& request) {
      return request.method == "DELETE" ? FakeReply::Json("", 204)
                                        : FakeReply::Error(404, "nothing");
    });
    for (const char* host : kHosts) {
      Probe(host, "manifest unknown", 404);
    }
  }
  // The fakes are joined before what their handlers use goes.
  ~RegistriesTest() override {
    registries_.reset();
    engine_.Stop();
    registry_.Stop();
  }

  void Probe(const std::string& host, const std::string& words, int status) {
    engine_.Route(fmt::format("/distribution/{}:{}/bottled/probe:probe/json",
                              host, Port()),
                  FakeReply::Error(status, words));
  }
  int Port() const {
    const std::string address = registry_.address();
    return std::stoi(address.substr(address.find(':') + 1));
  }
  Registries& Open(milliseconds grace = seconds(600)) {
    registries_ = std::make_unique<Registries>(
        objects_, Registries::Options{.image = "registry:2",
                                      .instance = "i1",
                                      .grace = grace,
                                      .ready_limit = seconds(1),
                                      .probe_limit = seconds(20),
                                      .free_port = [this] { return Port(); }});
    return *registries_;
  }
  absl::StatusOr<Use> Acquire(const CancelToken& cancel = CancelToken()) {
    return registries_->Acquire(
        client_,
        [this](const std::string& line) {
          const std::lock_guard<std::mutex> lock(mu_);
          told_.push_back(line);
        },
        cancel);
  }
  std::string Refusal() {
    const auto use = Acquire();
    return use.ok() ? "OK" : GetErrorDetail(use.status()).reason;
  }
  int Created() { return engine_.CountRequests("/containers/create"); }
  int Removed() {
    const std::vector<FakeRequest> requests = engine_.requests();
    return static_cast<int>(std::count_if(
        requests.begin(), requests.end(),
        [](const FakeRequest& request) { return request.method == "DELETE"; }));
  }

  static constexpr const char* kHosts[] = {"127.0.0.1", "localhost",
                                           "host.docker.internal"};
  testing::TestIndex index_;
  testing::TestClock clock_;
  std::mutex mu_;
  std::vector<std::string> told_;
  FakeEngine engine_;
  FakeEngine registry_{FakeEngine::Listen::kTcp};
  Engines engines_{EngineClient::Options()};
  EngineObjects objects_{*index_, engines_, clock_};
  std::shared_ptr<EngineClient> client_ =
      engines_.Get({.host = engine_.host(), .origin = ""});
  std::unique_ptr<Registries> registries_;
};

TEST_F(RegistriesTest, OneServesAllWhoOverlap) {
  Open();
  {
    const auto first = Acquire();
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = Acquire();
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_EQ((*first)->route().push_address, registry_.address());
    EXPECT_EQ((*second)->route().pull_address, registry_.address());
    EXPECT_EQ(index_->ListEngineObjects()->size(), 1U) << "noted while it runs";
  }
  EXPECT_TRUE(Acquire().ok()) << "it is still there";
  EXPECT_EQ(Created(), 1);
  EXPECT_EQ(Removed(), 0);
  registries_.reset();
  EXPECT_EQ(Removed(), 1);
  EXPECT_THAT(*index_->ListEngineObjects(), IsEmpty());
  EXPECT_THAT(told_, Contains(HasSubstr("manifest unknown")));
}

TEST_F(RegistriesTest, AtTheSameTimeToo) {
  Open();
  std::vector<std::thread> threads;
  std::atomic<int> got = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { got += Acquire().ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(got, 8);
  EXPECT_EQ(Created(), 1);
}

TEST_F(RegistriesTest, ItEndsAfterTheLastAndAGrace) {
  Open(milliseconds(1));
  ASSERT_TRUE(Acquire().ok());
  EXPECT_TRUE(WaitUntil([this] { return Removed() == 1; }));
  ASSERT_TRUE(Acquire().ok());
  EXPECT_EQ(Created(), 2);
}

TEST_F(RegistriesTest, TheRequestIsExplicit) {
  Open();
  ASSERT_TRUE(Acquire().ok());
  std::string body;
  for (const FakeRequest& request : engine_.requests()) {
    if (request.path == "/containers/create") {
      body = request.body;
    }
  }
  EXPECT_THAT(body, HasSubstr(fmt::format(R"("HostPort":"{}")", Port())));
  EXPECT_THAT(body, HasSubstr(R"("HostIp":"127.0.0.1")"));
  EXPECT_THAT(body, HasSubstr(R"("AutoRemove":true)"));
  EXPECT_THAT(body, HasSubstr(R"("dev.bottled.instance":"i1")"));
  EXPECT_THAT(body, HasSubstr(R"("/var/lib/registry")"));
}

TEST_F(RegistriesTest, APortThatWasJustTakenIsGivenUp) {
  // The handler's own, as its thread may outlive this frame.
  const auto turns = std::make_shared<std::atomic<int>>(0);
  engine_.Route("/containers/c1/start", [turns](const FakeRequest&) {
    return ++*turns < 3
               ? FakeReply::Error(500,
                                  "driver failed: Bind for 127.0.0.1:1 "
                                  "failed: port is already allocated")
               : FakeReply::Json("", 204);
  });
  Open();
  EXPECT_EQ(Refusal(), "OK");
  EXPECT_EQ(Created(), 3);
  EXPECT_EQ(Removed(), 2) << "those that did not start";
}

TEST_F(RegistriesTest, AMissingImageIsPulled) {
  const auto there = std::make_shared<std::atomic<bool>>(false);
  engine_.Route("/containers/create", [there](const FakeRequest&) {
    return *there ? FakeReply::Json(R"({"Id":"c1"})", 201)
                  : FakeReply::Error(404, "No such image: registry:2");
  });
  engine_.Route("/images/create", [there](const FakeRequest&) {
    *there = true;
    return FakeReply::Json(R"({"status":"Pull complete","id":"a"})");
  });
  Open();
  EXPECT_EQ(Refusal(), "OK");

  *there = false;
  engine_.Route("/images/create",
                FakeReply::Json(R"({"errorDetail":{"message":"no route"}})"));
  Open();
  const auto refused = Acquire();
  EXPECT_TRUE(HasReason(refused.status(), "REGISTRY_IMAGE_MISSING"))
      << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("no route"));
}

TEST_F(RegistriesTest, TheFirstAddressThatWorksIsTaken) {
  Probe("127.0.0.1", "dial tcp 127.0.0.1: connection refused", 500);
  Open();
  const auto use = Acquire();
  ASSERT_TRUE(use.ok()) << use.status();
  EXPECT_EQ((*use)->route().push_address, fmt::format("localhost:{}", Port()));
  EXPECT_EQ((*use)->route().pull_address, registry_.address());
  EXPECT_EQ((*use)->route().evidence.size(), 2U);
  Probe("host.docker.internal", "gave HTTP response to HTTPS client", 500);
  const auto all = registries_->ProbeAll(*client_, **use, CancelToken());
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 3U);
  EXPECT_FALSE(all->back().reached);
}

TEST_F(RegistriesTest, WhenNoneWorksEachIsNamed) {
  for (const char* host : kHosts) {
    Probe(host, fmt::format("{} says no", host), 500);
  }
  Open();
  const auto refused = Acquire();
  EXPECT_TRUE(HasReason(refused.status(), "NO_PUSH_ADDRESS"));
  for (const char* host : kHosts) {
    EXPECT_THAT(std::string(refused.status().message()),
                HasSubstr(fmt::format("{} says no", host)));
  }
  EXPECT_EQ(Removed(), 1);
  EXPECT_THAT(*index_->ListEngineObjects(), IsEmpty());
}

TEST_F(RegistriesTest, OneThatDoesNotAnswerIsRemoved) {
  registry_.Stop();
  Open();
  EXPECT_EQ(Refusal(), "REGISTRY_FAILED") << "there is no such container";
  EXPECT_EQ(Removed(), 1);
}

TEST_F(RegistriesTest, ASpoiledOneIsReplacedAndEndsWithItsLastUser) {
  Open();
  auto first = Acquire();
  ASSERT_TRUE(first.ok());
  (*first)->Spoil();
  const auto second = Acquire();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(Created(), 2);
  EXPECT_EQ(Removed(), 0);
  first->reset();
  EXPECT_EQ(Removed(), 1);
}

TEST_F(RegistriesTest, ACancelEndsTheStart) {
  FakeReply slow = FakeReply::Json(R"({"Id":"c1"})", 201);
  slow.delay = seconds(600);
  engine_.Route("/containers/create", slow);
  Open();
  CancelSource source;
  std::thread canceller([&] {
    engine_.WaitForRequest("/containers/create", seconds(60));
    source.Cancel();
  });
  EXPECT_TRUE(absl::IsCancelled(Acquire(source.token()).status()));
  canceller.join();
}

}  // namespace
}  // namespace bottled
