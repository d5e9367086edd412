#include "jobs/engine_objects.h"

#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "fakes/fake_engine.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using testing::FakeReply;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineObjectsTest : public ::testing::Test {
 protected:
  EngineObjectsTest() {
    for (const char* tag : {"a:1", "b:1"}) {
      engine_.Route(Path(tag), [this,
                                tag](const testing::FakeRequest& request) {
        EXPECT_EQ(request.method, "DELETE");
        EXPECT_EQ(request.query, "noprune=true");
        const std::lock_guard<std::mutex> lock(mu_);
        return tags_.erase(tag) == 1 ? FakeReply::Json("[]")
                                     : FakeReply::Error(404, "No such image");
      });
    }
  }
  static std::string Path(const std::string& tag) {
    return fmt::format("/images/{}", tag);
  }
  std::unique_ptr<EngineObjects::Held> Hold(
      const std::string& name, EngineObjectKind kind = EngineObjectKind::kTag) {
    auto held =
        objects_.Hold({.host = engine_.host(), .origin = ""}, kind, name);
    EXPECT_TRUE(held.ok()) << held.status();
    return *std::move(held);
  }
  // As a daemon does that is killed: written down, but nobody holds it.
  void Leave(const std::string& name,
             EngineObjectKind kind = EngineObjectKind::kTag) {
    ASSERT_TRUE(index_
                    ->NoteEngineObject({.host = engine_.host(),
                                        .kind = kind,
                                        .name = name,
                                        .created_ms = clock_.NowMs()})
                    .ok());
  }
  // What the engine has.
  void SetTags(std::set<std::string> tags) {
    const std::lock_guard<std::mutex> lock(mu_);
    tags_ = std::move(tags);
  }
  std::set<std::string> Tags() {
    const std::lock_guard<std::mutex> lock(mu_);
    return tags_;
  }
  absl::Status Reap() { return objects_.Reap(CancelToken()); }
  std::vector<EngineObject> Rows() {
    return index_->ListEngineObjects().value();
  }

  testing::TestIndex index_;
  testing::TestClock clock_;
  // Before the engine: its thread uses them until it is joined.
  std::mutex mu_;
  std::set<std::string> tags_;
  testing::FakeEngine engine_;
  Engines engines_{EngineClient::Options()};
  EngineObjects objects_{*index_, engines_, clock_};
};

TEST_F(EngineObjectsTest, ATagGoesWithItsHolder) {
  {
    const auto held = Hold("a:1");
    EXPECT_EQ(held->name(), "a:1");
    EXPECT_THAT(Rows(), SizeIs(1)) << "written down before it is made";
    SetTags({"a:1", "theirs:1"});
    ASSERT_TRUE(Reap().ok());
    EXPECT_THAT(Tags(), ElementsAre("a:1", "theirs:1")) << "it is held";
  }
  EXPECT_THAT(Tags(), ElementsAre("theirs:1"));
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(EngineObjectsTest, AContainerGoesWithItsHolderToo) {
  constexpr const char* kPath = "/containers/bottled-registry-1";
  engine_.Route(kPath, [](const testing::FakeRequest& request) {
    EXPECT_EQ(request.method, "DELETE");
    EXPECT_EQ(request.query, "force=1&v=1");
    return FakeReply::Json("", 204);
  });
  Hold("bottled-registry-1", EngineObjectKind::kContainer);
  EXPECT_EQ(engine_.CountRequests(kPath), 1);
  EXPECT_THAT(Rows(), IsEmpty());

  Leave("bottled-registry-1", EngineObjectKind::kContainer);
  ASSERT_TRUE(Reap().ok());
  EXPECT_EQ(engine_.CountRequests(kPath), 2);
  EXPECT_THAT(Rows(), IsEmpty());
}

// A call that was cancelled may be carried out all the same, a moment later.
TEST_F(EngineObjectsTest, WhatIsNotThereYetIsLookedForAgain) {
  Hold("a:1");
  EXPECT_EQ(engine_.CountRequests(Path("a:1")), 6);
  EXPECT_THAT(Rows(), SizeIs(1));
  SetTags({"a:1"});
  ASSERT_TRUE(Reap().ok());
  EXPECT_THAT(Tags(), IsEmpty());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(EngineObjectsTest, WhatComesAMomentLaterIsRemoved) {
  std::thread late([this] {
    engine_.WaitForRequest(Path("a:1"), std::chrono::seconds(60));
    SetTags({"a:1"});
  });
  {
    const auto held = Hold("a:1");
    held->Answered(absl::CancelledError());
  }
  late.join();
  EXPECT_THAT(Tags(), IsEmpty());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(EngineObjectsTest, AfterAnAnswerNothingComes) {
  Hold("a:1")->Answered(absl::NotFoundError("no such image"));
  EXPECT_EQ(engine_.CountRequests(Path("a:1")), 1);
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(EngineObjectsTest, ARefusalDoesNotKeepTheOthers) {
  engine_.Route(Path("a:1"), FakeReply::Error(409, "a container is using it"));
  Leave("a:1");
  Leave("b:1");
  SetTags({"b:1"});
  ASSERT_TRUE(Reap().ok());
  EXPECT_THAT(Tags(), IsEmpty());
  EXPECT_THAT(Rows(), SizeIs(1));
  // Not for ever either.
  clock_.Advance(std::chrono::hours(25));
  ASSERT_TRUE(Reap().ok());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(EngineObjectsTest, WhatAKilledDaemonLeftIsReaped) {
  Leave("a:1");
  SetTags({"a:1", "b:1"});
  ASSERT_TRUE(Reap().ok());
  EXPECT_THAT(Tags(), ElementsAre("b:1"));
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(EngineObjectsTest, ABuilderThatOutlivedTheDaemonIsWaitedForADay) {
  Leave("a:1");
  ASSERT_TRUE(Reap().ok());
  EXPECT_THAT(Rows(), SizeIs(1));
  SetTags({"a:1"});
  ASSERT_TRUE(Reap().ok());
  EXPECT_THAT(Tags(), IsEmpty());
  EXPECT_THAT(Rows(), IsEmpty());

  Leave("b:1");
  clock_.Advance(std::chrono::hours(25));
  ASSERT_TRUE(Reap().ok());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(EngineObjectsTest, AnEngineThatIsAwayIsAskedAgain) {
  engine_.Stop();
  Hold("a:1");
  Leave("b:1");
  EXPECT_THAT(Rows(), SizeIs(2));
  EXPECT_TRUE(Reap().ok()) << "that is no failure of ours";
  EXPECT_THAT(Rows(), SizeIs(2));
  engine_.Start();
  SetTags({"a:1", "b:1"});
  ASSERT_TRUE(Reap().ok());
  EXPECT_THAT(Tags(), IsEmpty());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(EngineObjectsTest, AnEngineThatRefusesKeepsTheRow) {
  engine_.Route(Path("a:1"), FakeReply::Error(500, "busy"));
  Hold("a:1");
  EXPECT_THAT(Rows(), SizeIs(1));
  EXPECT_TRUE(Reap().ok());
  EXPECT_THAT(Rows(), SizeIs(1));
}

TEST_F(EngineObjectsTest, ACancelEndsTheReaping) {
  Leave("a:1");
  CancelSource source;
  source.Cancel();
  EXPECT_TRUE(absl::IsCancelled(objects_.Reap(source.token())));
  EXPECT_THAT(Rows(), SizeIs(1));
}

}  // namespace
}  // namespace bottled
