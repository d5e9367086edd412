#include "jobs/change_feed.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Ids(const ChangeFeed::Batch& batch) {
  std::vector<std::string> ids;
  for (const Change& change : batch.changes) {
    ids.push_back(change.id);
  }
  return ids;
}

class ChangeFeedTest : public ::testing::Test {
 protected:
  void Publish(const std::string& id) { feed_.Publish(ChangeKind::kJob, id); }

  testing::TestClock clock_;
  ChangeFeed feed_{clock_, 4};
};

TEST_F(ChangeFeedTest, NumbersAndDatesChanges) {
  const int64_t start = feed_.last_seq();
  EXPECT_EQ(start, clock_.NowMs() * 256);
  clock_.Advance(std::chrono::milliseconds(7));
  feed_.Publish(ChangeKind::kJob, "j");
  feed_.Publish(ChangeKind::kBottleRemoved, "b");
  const ChangeFeed::Batch batch = feed_.Since(start, 10);
  ASSERT_EQ(batch.changes.size(), 2U);
  EXPECT_EQ(batch.changes[0].seq, start + 1);
  EXPECT_EQ(batch.changes[0].kind, ChangeKind::kJob);
  EXPECT_EQ(batch.changes[0].id, "j");
  EXPECT_EQ(batch.changes[0].at_ms, clock_.NowMs());
  EXPECT_EQ(batch.changes[1].seq, start + 2);
  EXPECT_EQ(batch.changes[1].kind, ChangeKind::kBottleRemoved);
  EXPECT_EQ(batch.cursor, start + 2);
  EXPECT_EQ(feed_.last_seq(), start + 2);
  EXPECT_FALSE(batch.reset);
  EXPECT_FALSE(batch.closed);
}

TEST_F(ChangeFeedTest, ZeroMeansOnlyNewOnes) {
  Publish("old");
  for (const int64_t after :
       {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    const ChangeFeed::Batch batch = feed_.Since(after, 10);
    EXPECT_THAT(batch.changes, IsEmpty());
    EXPECT_FALSE(batch.reset);
    EXPECT_EQ(batch.cursor, feed_.last_seq());
  }
  const int64_t cursor = feed_.Since(0, 10).cursor;
  Publish("new");
  EXPECT_THAT(Ids(feed_.Since(cursor, 10)), ElementsAre("new"));
}

TEST_F(ChangeFeedTest, GivesAtMostTheLimit) {
  const int64_t start = feed_.last_seq();
  for (const char* id : {"a", "b", "c"}) {
    Publish(id);
  }
  ChangeFeed::Batch batch = feed_.Since(start, 2);
  EXPECT_THAT(Ids(batch), ElementsAre("a", "b"));
  batch = feed_.Since(batch.cursor, 2);
  EXPECT_THAT(Ids(batch), ElementsAre("c"));
  batch = feed_.Since(batch.cursor, 2);
  EXPECT_THAT(batch.changes, IsEmpty());
  EXPECT_FALSE(batch.reset);
  EXPECT_EQ(batch.cursor, feed_.last_seq());
}

TEST_F(ChangeFeedTest, WhoFellBehindIsReset) {
  const int64_t start = feed_.last_seq();
  for (const char* id : {"a", "b", "c", "d"}) {
    Publish(id);
  }
  // The ring holds exactly these.
  EXPECT_THAT(Ids(feed_.Since(start, 10)), ElementsAre("a", "b", "c", "d"));
  Publish("e");
  const ChangeFeed::Batch batch = feed_.Since(start, 10);
  EXPECT_TRUE(batch.reset);
  EXPECT_THAT(batch.changes, IsEmpty());
  EXPECT_EQ(batch.cursor, start + 5);
  EXPECT_THAT(Ids(feed_.Since(start + 1, 10)), ElementsAre("b", "c", "d", "e"));
}

TEST_F(ChangeFeedTest, NumbersOfAnotherLifeAreReset) {
  for (const char* id : {"a", "b", "c", "d"}) {
    Publish(id);
  }
  const int64_t old = feed_.last_seq();
  clock_.Advance(std::chrono::milliseconds(1));
  ChangeFeed next(clock_, 4);
  EXPECT_GT(next.last_seq(), old);
  EXPECT_TRUE(next.Since(old, 10).reset);
  next.Publish(ChangeKind::kJob, "e");
  ChangeFeed::Batch batch = next.Since(old, 10);
  EXPECT_TRUE(batch.reset);
  EXPECT_THAT(batch.changes, IsEmpty());
  EXPECT_FALSE(next.Since(batch.cursor, 10).reset);
  // Of a life whose clock was ahead, or made up.
  for (const int64_t after :
       {next.last_seq() + 1, std::numeric_limits<int64_t>::max(), int64_t{1}}) {
    batch = next.Since(after, 10);
    EXPECT_TRUE(batch.reset) << after;
    EXPECT_EQ(batch.cursor, next.last_seq());
  }
}

TEST_F(ChangeFeedTest, EndsAfterWhatIsLeft) {
  const int64_t start = feed_.last_seq();
  int wakes = 0;
  const int64_t id = feed_.Subscribe([&wakes] { ++wakes; });
  Publish("a");
  Publish("b");
  feed_.Close();
  EXPECT_EQ(wakes, 3);
  Publish("late");
  EXPECT_EQ(wakes, 3);
  ChangeFeed::Batch batch = feed_.Since(start, 1);
  EXPECT_THAT(Ids(batch), ElementsAre("a"));
  EXPECT_FALSE(batch.closed);
  batch = feed_.Since(batch.cursor, 1);
  EXPECT_THAT(Ids(batch), ElementsAre("b"));
  EXPECT_TRUE(batch.closed);
  EXPECT_TRUE(feed_.Since(0, 1).closed);
  EXPECT_TRUE(feed_.Since(1, 1).closed);
  feed_.Close();
  feed_.Unsubscribe(id);
}

TEST_F(ChangeFeedTest, WakesUntilUnsubscribed) {
  std::vector<std::string> seen;
  int64_t cursor = feed_.last_seq();
  // A wake may read: it runs without the lock that this takes.
  const int64_t id = feed_.Subscribe([&] {
    const ChangeFeed::Batch batch = feed_.Since(cursor, 10);
    cursor = batch.cursor;
    for (const Change& change : batch.changes) {
      seen.push_back(change.id);
    }
  });
  Publish("a");
  Publish("b");
  feed_.Unsubscribe(id);
  Publish("c");
  EXPECT_THAT(seen, ElementsAre("a", "b"));
  feed_.Unsubscribe(id);
  feed_.Unsubscribe(4711);
}

TEST_F(ChangeFeedTest, NoFeedIsFine) {
  Tell(nullptr, ChangeKind::kJob, "x");
  const int64_t start = feed_.last_seq();
  Tell(&feed_, ChangeKind::kArtifactAdded, "y");
  EXPECT_THAT(Ids(feed_.Since(start, 10)), ElementsAre("y"));
}

TEST_F(ChangeFeedTest, ClocksThatAreOff) {
  class Stopped : public Clock {
   public:
    explicit Stopped(int64_t now_ms) : now_ms_(now_ms) {}
    int64_t NowMs() const override { return now_ms_; }
    std::chrono::steady_clock::time_point Steady() const override { return {}; }

   private:
    const int64_t now_ms_;
  };
  for (const int64_t now : {int64_t{0}, int64_t{-5'000}}) {
    const Stopped clock(now);
    ChangeFeed feed(clock, 0);
    const int64_t start = feed.last_seq();
    EXPECT_GT(start, 0);
    feed.Publish(ChangeKind::kJob, "a");
    EXPECT_THAT(Ids(feed.Since(start, 10)), ElementsAre("a"));
    feed.Publish(ChangeKind::kJob, "b");
    EXPECT_TRUE(feed.Since(start, 10).reset);
  }
}

// Readers at their own pace see every change once and in order, or a reset.
TEST(ChangeFeedThreadsTest, ManyWritersAndReaders) {
  constexpr int kWriters = 3;
  constexpr int kReaders = 3;
  constexpr int kEach = 2'000;
  ChangeFeed feed(Clock::System(), 64);
  const int64_t start = feed.last_seq();
  std::atomic<int> wrong = 0;
  std::atomic<int> wakes = 0;
  std::vector<std::thread> threads;
  for (int r = 0; r < kReaders; ++r) {
    threads.emplace_back([&] {
      int64_t cursor = start;
      int64_t last = start;
      while (true) {
        const ChangeFeed::Batch batch = feed.Since(cursor, 5);
        for (const Change& change : batch.changes) {
          wrong += change.seq == last + 1 ? 0 : 1;
          last = change.seq;
        }
        if (batch.reset) {
          last = batch.cursor;
        }
        wrong += batch.cursor == last ? 0 : 1;
        cursor = batch.cursor;
        if (batch.closed) {
          break;
        }
        std::this_thread::yield();
      }
      wrong += cursor == start + kWriters * kEach ? 0 : 1;
    });
  }
  // Comes and goes while the others write.
  threads.emplace_back([&] {
    for (int i = 0; i < 200; ++i) {
      const auto alive = std::make_unique<std::atomic<int>>(0);
      std::atomic<int>* const counter = alive.get();
      const int64_t id = feed.Subscribe([counter, &wakes] {
        ++*counter;
        ++wakes;
      });
      std::this_thread::yield();
      feed.Unsubscribe(id);
    }
  });
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&feed, w] {
      for (int i = 0; i < kEach; ++i) {
        feed.Publish(ChangeKind::kJob, std::to_string(w));
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  feed.Close();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(feed.last_seq(), start + kWriters * kEach);
}

}  // namespace
}  // namespace bottled
