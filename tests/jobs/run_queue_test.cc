#include "jobs/run_queue.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunQueueTest : public ::testing::Test {
 protected:
  std::shared_ptr<Job> Add(RunQueue& queue, const std::string& key,
                           JobClass job_class, const std::string& client = "") {
    auto job = std::make_shared<Job>("id of " + key, key, key, clock_);
    job->AddInterest("first", job_class, client);
    queue.Push(job, nullptr, clock_.Steady());
    return job;
  }
  std::shared_ptr<Job> Warm(RunQueue& queue, const std::string& key) {
    return Add(queue, key, JobClass::kWarm);
  }
  std::shared_ptr<Job> Ask(RunQueue& queue, const std::string& key,
                           const std::string& client = "me") {
    return Add(queue, key, JobClass::kInteractive, client);
  }
  // What starts now, in order, as far as slots are free.
  std::vector<std::string> StartAll(RunQueue& queue) {
    std::vector<std::string> started;
    while (auto entry = queue.Start(clock_.Steady())) {
      entry->job->MarkRunning(0);
      started.push_back(entry->job->flight_key());
      entries_.emplace(started.back(), *std::move(entry));
    }
    return started;
  }
  void End(RunQueue& queue, const std::string& key) {
    queue.End(*entries_.at(key).job);
    entries_.erase(key);
  }
  void Yield(RunQueue& queue, const std::string& key) {
    RunQueue::Entry entry = std::move(entries_.at(key));
    entries_.erase(key);
    ASSERT_TRUE(entry.job->AskToYield());
    ASSERT_TRUE(entry.job->Yield());
    queue.Yield(std::move(entry), clock_.Steady());
  }
  std::vector<std::string> Victims(RunQueue& queue) {
    std::vector<std::string> keys;
    for (const auto& job : queue.Victims(clock_.Steady())) {
      keys.push_back(job->flight_key());
    }
    return keys;
  }
  static void SetDone(Job& job, double share) {
    job.events().StartStage(Stage::kRead);
    // kRead is what lies between 0.1 and 0.7.
    job.events().Report({.stage = Stage::kRead,
                         .current = static_cast<int64_t>((share - 0.1) * 1000),
                         .total = 600});
  }

  testing::TestClock clock_;
  // Running, by key.
  std::map<std::string, RunQueue::Entry> entries_;
};

TEST_F(RunQueueTest, ClientsTakeTurns) {
  RunQueue queue(1);
  for (const char* key : {"a1", "a2", "a3"}) {
    Ask(queue, key, "a");
  }
  EXPECT_THAT(StartAll(queue), ElementsAre("a1"));
  Ask(queue, "b1", "b");
  Ask(queue, "c1", "c");
  Ask(queue, "b2", "b");
  std::vector<std::string> order;
  for (std::string last = "a1"; !last.empty();) {
    End(queue, last);
    const auto started = StartAll(queue);
    last = started.empty() ? "" : started.front();
    order.push_back(last);
  }
  EXPECT_THAT(order, ElementsAre("a2", "b1", "c1", "a3", "b2", ""));
}

TEST_F(RunQueueTest, AJobOfSeveralClientsHasTheFirstTurn) {
  RunQueue queue(1);
  Ask(queue, "running", "a");
  StartAll(queue);
  for (const char* key : {"a1", "a2"}) {
    Ask(queue, key, "a");
  }
  const auto shared = Ask(queue, "a3", "a");
  EXPECT_EQ(queue.WaitingOf("a"), 3);
  EXPECT_EQ(queue.WaitingOf("b"), 0);
  shared->AddInterest("second", JobClass::kInteractive, "b");
  EXPECT_EQ(queue.WaitingOf("b"), 1);
  End(queue, "running");
  EXPECT_THAT(StartAll(queue), ElementsAre("a1"));
  End(queue, "a1");
  EXPECT_THAT(StartAll(queue), ElementsAre("a3")) << "it is the turn of b";
}

TEST_F(RunQueueTest, WarmJobsLeaveASlotAndGoLast) {
  RunQueue queue(3);
  for (const char* key : {"w1", "w2", "w3"}) {
    Warm(queue, key);
  }
  EXPECT_THAT(StartAll(queue), ElementsAre("w1", "w2"));
  Ask(queue, "i1");
  Ask(queue, "i2");
  EXPECT_THAT(StartAll(queue), ElementsAre("i1"));
  End(queue, "w1");
  EXPECT_THAT(StartAll(queue), ElementsAre("i2")) << "before the older w3";
  End(queue, "i1");
  EXPECT_THAT(StartAll(queue), ElementsAre("w3"));
}

TEST_F(RunQueueTest, InASingleSlotWarmRunsWhenNobodyWaits) {
  RunQueue queue(1);
  Warm(queue, "w1");
  Ask(queue, "i1");
  EXPECT_THAT(StartAll(queue), ElementsAre("i1"));
  End(queue, "i1");
  EXPECT_THAT(StartAll(queue), ElementsAre("w1"));
  // Not even the aged one goes first.
  Warm(queue, "w2");
  clock_.Advance(minutes(31));
  Ask(queue, "i2");
  End(queue, "w1");
  EXPECT_THAT(StartAll(queue), ElementsAre("i2"));
}

TEST_F(RunQueueTest, OfOneKeyOnlyOneRuns) {
  RunQueue queue(3);
  Ask(queue, "k");
  Warm(queue, "k");
  Ask(queue, "other");
  EXPECT_THAT(StartAll(queue), ElementsAre("k", "other"));
  End(queue, "k");
  EXPECT_THAT(StartAll(queue), ElementsAre("k"));
}

TEST_F(RunQueueTest, TheYoungestWarmJobYieldsAfterTwoSeconds) {
  RunQueue queue(2);
  const auto old = Warm(queue, "old");
  StartAll(queue);
  Ask(queue, "i1");
  StartAll(queue);
  EXPECT_FALSE(queue.LookAgain(clock_.Steady()).has_value());
  Ask(queue, "i2");
  EXPECT_EQ(queue.LookAgain(clock_.Steady()),
            clock_.Steady() + milliseconds(2001));
  clock_.Advance(seconds(2));
  EXPECT_THAT(Victims(queue), IsEmpty());
  clock_.Advance(milliseconds(1));
  EXPECT_THAT(Victims(queue), ElementsAre("old"));
  EXPECT_THAT(Victims(queue), IsEmpty()) << "one is enough, and told once";
  Yield(queue, "old");
  EXPECT_EQ(old->state(), JobState::kQueued);
  EXPECT_THAT(StartAll(queue), ElementsAre("i2"));
}

TEST_F(RunQueueTest, ItsPlaceIsKeptAndItYieldsTwiceAtMost) {
  RunQueue queue(2);
  Warm(queue, "first");
  Warm(queue, "second");
  Ask(queue, "holds");
  EXPECT_THAT(StartAll(queue), ElementsAre("holds", "first"));
  for (int i = 0; i < 3; ++i) {
    const std::string key = "i" + std::to_string(i);
    Ask(queue, key);
    clock_.Advance(seconds(3));
    if (i == 2) {
      EXPECT_THAT(Victims(queue), IsEmpty());
      break;
    }
    EXPECT_THAT(Victims(queue), ElementsAre("first"));
    Yield(queue, "first");
    EXPECT_THAT(StartAll(queue), ElementsAre(key));
    End(queue, key);
    EXPECT_THAT(StartAll(queue), ElementsAre("first"));
  }
}

TEST_F(RunQueueTest, NobodyYieldsWhoIsHalfDoneOrPublishes) {
  RunQueue queue(4);
  const auto half = Warm(queue, "half");
  const auto publishing = Warm(queue, "publishing");
  const auto young = Warm(queue, "young");
  Ask(queue, "i1");
  StartAll(queue);
  SetDone(*half, 0.5);
  publishing->events().StartStage(Stage::kPublish);
  SetDone(*young, 0.4);
  Ask(queue, "i2");
  Ask(queue, "i3");
  clock_.Advance(seconds(3));
  EXPECT_THAT(Victims(queue), ElementsAre("young"));
}

TEST_F(RunQueueTest, WhoJoinsAWarmJobPromotesIt) {
  RunQueue queue(2);
  Ask(queue, "running");
  Warm(queue, "w1");
  EXPECT_THAT(StartAll(queue), ElementsAre("running", "w1"));
  Warm(queue, "w2");
  const auto wanted = Warm(queue, "w3");
  clock_.Advance(seconds(10));
  wanted->AddInterest("me", JobClass::kInteractive, "me");
  EXPECT_THAT(Victims(queue), IsEmpty()) << "it waits since now only";
  clock_.Advance(seconds(3));
  EXPECT_THAT(Victims(queue), ElementsAre("w1"));
  End(queue, "running");
  EXPECT_THAT(StartAll(queue), ElementsAre("w3"));
  // A running one that is promoted need not yield, and frees a warm slot.
  wanted->RemoveInterest("me");
  End(queue, "w1");
  EXPECT_THAT(StartAll(queue), IsEmpty()) << "w3 is warm again";
  wanted->AddInterest("me", JobClass::kInteractive, "me");
  EXPECT_THAT(StartAll(queue), ElementsAre("w2"));
}

TEST_F(RunQueueTest, AWarmJobGetsASlotAfterHalfAnHour) {
  RunQueue queue(3);
  Warm(queue, "w1");
  for (const char* key : {"i1", "i2", "i3", "i4"}) {
    Ask(queue, key);
  }
  StartAll(queue);
  clock_.Advance(minutes(29));
  End(queue, "i1");
  EXPECT_THAT(StartAll(queue), ElementsAre("i4"));
  clock_.Advance(minutes(1));
  for (const char* key : {"i5", "i6", "i7"}) {
    Ask(queue, key);
  }
  End(queue, "i2");
  EXPECT_THAT(StartAll(queue), ElementsAre("i5")) << "saturated";
  End(queue, "i3");
  EXPECT_THAT(StartAll(queue), ElementsAre("w1"));
  clock_.Advance(seconds(3));
  EXPECT_THAT(Victims(queue), IsEmpty()) << "it waited long enough";
}

}  // namespace
}  // namespace bottled
