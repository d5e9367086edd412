// What the scheduler tells the change feed.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/change_feed.h"
#include "jobs/scheduler_fixture.h"

namespace bottled {
namespace {

using testing::WaitForEnd;
using testing::WaitUntil;

class SchedulerChangesTest : public testing::SchedulerFixture {
 protected:
  void StartWithFeed(int max_running = 2) {
    Scheduler::Options options;
    options.max_running = max_running;
    options.changes = &feed_;
    Start(options);
  }
  // The scheduler has members that use the feed.
  ~SchedulerChangesTest() override { scheduler_.reset(); }

  // How often the feed told of a job since `start_`.
  int Count(const std::string& id) {
    int count = 0;
    for (const Change& change : feed_.Since(start_, 10'000).changes) {
      EXPECT_EQ(change.kind, ChangeKind::kJob);
      count += change.id == id ? 1 : 0;
    }
    return count;
  }
  bool WaitForCount(const std::string& id, int count) {
    return WaitUntil([&] { return Count(id) == count; });
  }

  ChangeFeed feed_{Clock::System()};
  const int64_t start_ = feed_.last_seq();
};

TEST_F(SchedulerChangesTest, TellsOfStartRunAndEnd) {
  StartWithFeed();
  const auto held = Submit("a", Held());
  ASSERT_TRUE(WaitForHeld(1));
  EXPECT_TRUE(WaitForCount(held.job->id(), 2));
  // Who joins changes nothing that a list shows.
  EXPECT_TRUE(Submit("a", Held()).joined);
  EXPECT_EQ(Count(held.job->id()), 2);
  Release();
  WaitForEnd(*held.job);
  EXPECT_TRUE(WaitForCount(held.job->id(), 3));
}

TEST_F(SchedulerChangesTest, AnEndIsThereWhenItIsTold) {
  StartWithFeed();
  std::atomic<int> unknown = 0;
  std::atomic<bool> ended = false;
  // Who is told may ask at once: no lock of the scheduler is held.
  const int64_t id = feed_.Subscribe([&] {
    for (const Change& change : feed_.Since(start_, 10'000).changes) {
      const std::shared_ptr<Job> job = scheduler_->Find(change.id);
      unknown += job == nullptr ? 1 : 0;
      ended = job != nullptr && IsTerminal(job->state());
    }
  });
  const auto quick = Submit("a", Quick());
  EXPECT_TRUE(WaitUntil([&] { return ended.load(); }));
  feed_.Unsubscribe(id);
  EXPECT_EQ(unknown, 0);
}

TEST_F(SchedulerChangesTest, TellsOfACancelBeforeTheEnd) {
  StartWithFeed();
  std::atomic<bool> stubborn = true;
  const auto job = Submit("a", [&](Job&) -> absl::StatusOr<ArtifactRecord> {
    ++held_;
    while (stubborn) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return CancelledError();
  });
  ASSERT_TRUE(WaitForHeld(1));
  ASSERT_TRUE(WaitForCount(job.job->id(), 2));
  ASSERT_TRUE(scheduler_->Cancel(job.job->id(), job.interest_id, false).ok());
  EXPECT_EQ(Count(job.job->id()), 3);
  stubborn = false;
  WaitForEnd(*job.job);
  EXPECT_TRUE(WaitForCount(job.job->id(), 4));
}

TEST_F(SchedulerChangesTest, AQueuedJobThatIsDroppedEnds) {
  StartWithFeed(/*max_running=*/1);
  Submit("a", Held());
  ASSERT_TRUE(WaitForHeld(1));
  const auto queued = Submit("b", Quick());
  EXPECT_EQ(Count(queued.job->id()), 1);
  ASSERT_TRUE(scheduler_->Cancel(queued.job->id(), "", true).ok());
  WaitForEnd(*queued.job);
  EXPECT_TRUE(WaitForCount(queued.job->id(), 2));
  Release();
}

TEST_F(SchedulerChangesTest, StopTellsOfEveryEnd) {
  StartWithFeed(/*max_running=*/1);
  const auto running = Submit("a", Held());
  ASSERT_TRUE(WaitForHeld(1));
  const auto queued = Submit("b", Quick());
  scheduler_->Stop(std::chrono::milliseconds(0));
  EXPECT_EQ(Count(running.job->id()), 3);
  EXPECT_EQ(Count(queued.job->id()), 2);
}

}  // namespace
}  // namespace bottled
