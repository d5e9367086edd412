#include "jobs/warm_triggers.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "fakes/fake_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"
#include "platform/file.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::FakeEngine;
using testing::FakeReply;
using testing::FakeRequest;
using ::testing::SizeIs;
using testing::WaitUntil;

constexpr char kTagLine[] =
    R"({"Type":"image","Action":"tag","Actor":{"Attributes":{"name":"a:1"}}})"
    "\n";

TriggerTimes QuickTimes() {
  TriggerTimes times;
  times.first_retry = std::chrono::milliseconds(1);
  times.last_retry = std::chrono::milliseconds(5);
  return times;
}

// Runs a loop in a thread until its end.
class Loop {
 public:
  explicit Loop(std::function<void(const CancelToken&)> run)
      : thread_([run = std::move(run), token = stop_.token()] { run(token); }) {
  }
  ~Loop() {
    stop_.Cancel();
    thread_.join();
  }

 private:
  CancelSource stop_;
  std::thread thread_;
};

class WatchEngineTest : public ::testing::Test {
 protected:
  WatchEngineTest() {
    EngineEndpoint endpoint;
    endpoint.host = fake_.host();
    client_ = std::make_unique<EngineClient>(endpoint);
  }
  std::unique_ptr<Loop> Watch() {
    return std::make_unique<Loop>([this](const CancelToken& cancel) {
      const EngineSink sink = {
          .connected = [this] { ++connected_; },
          .events =
              [this](const std::vector<ImageEvent>& events) {
                MutexLock lock(mu_);
                events_.insert(events_.end(), events.begin(), events.end());
              },
          .lost = [this](const absl::Status&) { ++lost_; }};
      WatchEngine(*client_, sink, QuickTimes(), cancel);
    });
  }

  FakeEngine fake_;
  std::unique_ptr<EngineClient> client_;
  std::atomic<int> connected_ = 0;
  std::atomic<int> lost_ = 0;
  Mutex mu_;
  std::vector<ImageEvent> events_;
};

TEST_F(WatchEngineTest, EveryConnectionIsToldOf) {
  // The first stream ends after one event; the next ones say nothing.
  std::atomic<int> asked = 0;
  fake_.Route("/events", [&asked](const FakeRequest&) {
    FakeReply reply = FakeReply::Tar(kTagLine);
    if (++asked > 1) {
      reply.stall_at = 0;
    }
    return reply;
  });
  const std::unique_ptr<Loop> loop = Watch();
  EXPECT_TRUE(WaitUntil([&] { return connected_ == 2; }));
  {
    MutexLock lock(mu_);
    ASSERT_THAT(events_, SizeIs(1));
    EXPECT_EQ(events_[0].reference, "a:1");
  }
  EXPECT_EQ(lost_, 1);
  // A restart: down for a few tries, then back.
  fake_.Stop();
  EXPECT_TRUE(WaitUntil([&] { return lost_ == 2; }));
  fake_.Start();
  EXPECT_TRUE(WaitUntil([&] { return connected_ == 3; }));
  EXPECT_EQ(lost_, 2) << "one absence is told once";
}

TEST_F(WatchEngineTest, AnEngineThatIsAwayFromTheStartIsToldOnce) {
  fake_.Stop();
  FakeReply silent = FakeReply::Tar("");
  silent.stall_at = 0;
  fake_.Route("/events", silent);
  const std::unique_ptr<Loop> loop = Watch();
  EXPECT_TRUE(WaitUntil([&] { return lost_ == 1; }));
  fake_.Start();
  EXPECT_TRUE(WaitUntil([&] { return connected_ == 1; }));
  EXPECT_EQ(lost_, 1);
}

class WatchTreeTest : public ::testing::Test {
 protected:
  WatchTreeTest() {
    build_.context = (dir_.path() / "context").native();
    Write("context/Dockerfile", "FROM scratch\n");
  }
  void Write(const std::string& name, const std::string& text = "x") {
    fs::create_directories((dir_.path() / name).parent_path());
    std::ofstream(dir_.path() / name) << text;
  }
  std::unique_ptr<Loop> Watch(
      std::function<absl::StatusOr<WatchedTree>()> make) {
    return std::make_unique<Loop>(
        [this, make = std::move(make)](const CancelToken& cancel) {
          const TreeSink sink = {.changed = [this] { ++changed_; },
                                 .watched =
                                     [this](const absl::Status& status) {
                                       ++(status.ok() ? watched_ : blind_);
                                     }};
          WatchTree(make, sink, QuickTimes(), cancel);
        });
  }
  // Waits until a change beyond those so far is told.
  bool Told(const std::function<void()>& change) {
    const int before = changed_;
    change();
    return WaitUntil([&] { return changed_ > before; });
  }

  testing::TempDir dir_;
  BuildSpec build_;
  std::atomic<int> changed_ = 0;
  std::atomic<int> watched_ = 0;
  std::atomic<int> blind_ = 0;
};

TEST_F(WatchTreeTest, TellsChangesAndTheBeginning) {
  const auto trees = BuildTrees(build_);
  ASSERT_THAT(trees, SizeIs(1));
  const std::unique_ptr<Loop> loop = Watch(trees[0]);
  EXPECT_TRUE(WaitUntil([&] { return changed_ == 1; }));
  EXPECT_EQ(watched_, 1);
  EXPECT_TRUE(Told([&] { Write("context/file"); }));
}

TEST_F(WatchTreeTest, NewRulesBeginANewWatch) {
  Write("context/out/file");
  const std::unique_ptr<Loop> loop = Watch(BuildTrees(build_)[0]);
  EXPECT_TRUE(WaitUntil([&] { return changed_ == 1; }));
  Write("context/.dockerignore", "out\n");
  EXPECT_TRUE(WaitUntil([&] { return watched_ >= 2; }));
  Write("context/.dockerignore", "other\n");
  EXPECT_TRUE(WaitUntil([&] { return watched_ >= 3; }));
  EXPECT_TRUE(Told([&] { Write("context/out/file", "more"); }));
}

TEST_F(WatchTreeTest, ADirectoryThatComesLaterIsFound) {
  fs::remove_all(build_.context);
  const std::unique_ptr<Loop> loop = Watch(BuildTrees(build_)[0]);
  EXPECT_TRUE(WaitUntil([&] { return blind_ >= 2; }));
  Write("context/Dockerfile");
  EXPECT_TRUE(WaitUntil([&] { return watched_ == 1; }));
  EXPECT_TRUE(Told([&] { Write("context/file"); }));
}

TEST_F(WatchTreeTest, ADockerfileElsewhereHasAWatchOfItsOwn) {
  build_.dockerfile = (dir_.path() / "elsewhere/D").native();
  Write("elsewhere/D");
  Write("elsewhere/sub/file");
  const auto trees = BuildTrees(build_);
  ASSERT_THAT(trees, SizeIs(2));
  const std::unique_ptr<Loop> loop = Watch(trees[1]);
  EXPECT_TRUE(WaitUntil([&] { return changed_ == 1; }));
  EXPECT_TRUE(Told([&] { Write("elsewhere/D", "more"); }));
  build_.dockerfile = build_.context + "/deep/D";
  EXPECT_THAT(BuildTrees(build_), SizeIs(1));
}

}  // namespace
}  // namespace bottled
