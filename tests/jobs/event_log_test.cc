#include "jobs/event_log.h"

#include <atomic>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Progress Bytes(Stage stage, int64_t current) {
  return {.stage = stage, .current = current};
}

std::vector<int64_t> Seqs(const EventLog::Batch& batch) {
  std::vector<int64_t> seqs;
  for (const JobEvent& event : batch.events) {
    seqs.push_back(event.seq);
  }
  return seqs;
}

std::string Line(const JobEvent& event) {
  const auto* line = std::get_if<LogLine>(&event.what);
  return line == nullptr ? "no line" : line->text;
}

TEST(EventLogTest, NumbersEventsFromOneAndReplaysThem) {
  testing::TestClock clock;
  EventLog log(clock);
  log.StartStage(Stage::kRead);
  clock.Advance(std::chrono::milliseconds(5));
  log.AddLine("first", false);
  log.AddLine("second", true);

  const EventLog::Batch all = log.Read(0, 100);
  EXPECT_THAT(Seqs(all), ElementsAre(1, 2, 3));
  EXPECT_EQ(all.events[1].time_ms - all.events[0].time_ms, 5);
  EXPECT_EQ(Line(all.events[2]), "second");
  EXPECT_EQ(all.gap_last, 0);
  EXPECT_FALSE(all.finished);
  EXPECT_THAT(Seqs(log.Read(2, 100)), ElementsAre(3));
  EXPECT_THAT(Seqs(log.Read(0, 2)), ElementsAre(1, 2));
  EXPECT_THAT(log.Read(3, 100).events, IsEmpty());
  EXPECT_THAT(log.Read(99, 100).events, IsEmpty());
}

TEST(EventLogTest, ConflatesProgressThatIsStillTheLastEvent) {
  testing::TestClock clock;
  EventLog log(clock);
  log.StartStage(Stage::kRead);
  log.Report(Bytes(Stage::kRead, 10));
  EXPECT_EQ(log.Read(1, 1).events[0].seq, 2);
  log.Report(Bytes(Stage::kRead, 20));
  log.Report(Bytes(Stage::kRead, 30));

  const EventLog::Batch batch = log.Read(1, 100);
  EXPECT_THAT(Seqs(batch), ElementsAre(4));
  EXPECT_EQ(std::get<Progress>(batch.events[0].what).current, 30);
  EXPECT_EQ(batch.gap_last, 0) << "conflation is no gap";
  // A reader that saw the first report gets the newest one, too.
  EXPECT_THAT(Seqs(log.Read(2, 100)), ElementsAre(4));
}

TEST(EventLogTest, KeepsProgressBehindOtherEvents) {
  testing::TestClock clock;
  EventLog log(clock);
  log.StartStage(Stage::kRead);
  log.Report(Bytes(Stage::kRead, 10));
  log.AddLine("between", false);
  log.Report(Bytes(Stage::kRead, 20));
  log.StartStage(Stage::kMerge);
  log.Report(Bytes(Stage::kMerge, 1));
  EXPECT_THAT(Seqs(log.Read(0, 100)), ElementsAre(1, 2, 3, 4, 5, 6));
  // Of another stage, though nothing lies between.
  log.Report(Bytes(Stage::kAssemble, 1));
  EXPECT_EQ(log.Read(0, 100).events.size(), 7u);
}

TEST(EventLogTest, TellsReadersOfTheGapAndKeepsHeadAndStages) {
  testing::TestClock clock;
  EventLog log(clock);
  log.StartStage(Stage::kRead);  // 1
  for (int i = 2; i <= 500; ++i) {
    log.AddLine(std::to_string(i), false);
  }
  log.StartStage(Stage::kMerge);  // 501
  for (int i = 502; i <= 2000; ++i) {
    log.AddLine(std::to_string(i), false);
  }

  // 1024 are kept: the first 128, the second stage and the newest 895 lines.
  const EventLog::Batch head = log.Read(0, 1000);
  EXPECT_EQ(head.gap_last, 0);
  EXPECT_EQ(head.events.size(), 128u);
  EXPECT_EQ(head.events.back().seq, 128);
  const EventLog::Batch second = log.Read(128, 1000);
  EXPECT_EQ(second.gap_first, 129);
  EXPECT_EQ(second.gap_last, 500);
  EXPECT_THAT(Seqs(second), ElementsAre(501));
  const EventLog::Batch third = log.Read(501, 10'000);
  EXPECT_EQ(third.gap_first, 502);
  EXPECT_EQ(third.gap_last, 1105);
  EXPECT_EQ(third.events.size(), 895u);
  EXPECT_EQ(Line(third.events.front()), "1106");
  EXPECT_EQ(third.events.back().seq, 2000);
  // A reader that was further on misses less.
  EXPECT_EQ(log.Read(600, 1).gap_first, 601);
  EXPECT_EQ(log.Read(1105, 1).gap_last, 0);
}

TEST(EventLogTest, ConflatedNumbersAreNoGapEvenNextToOne) {
  testing::TestClock clock;
  EventLog log(clock);
  log.Report(Bytes(Stage::kRead, 1));  // 1, becomes 2
  log.Report(Bytes(Stage::kRead, 2));  // 2
  for (int i = 3; i <= 129; ++i) {
    log.AddLine("head", false);
  }
  log.AddLine("goes", false);          // 130
  log.Report(Bytes(Stage::kRead, 3));  // 131, becomes 132
  log.Report(Bytes(Stage::kRead, 4));  // 132
  for (int i = 0; i < 895; ++i) {
    log.AddLine("x", false);
  }
  const EventLog::Batch batch = log.Read(129, 1);
  EXPECT_EQ(batch.gap_first, 130);
  EXPECT_EQ(batch.gap_last, 130);
  EXPECT_THAT(Seqs(batch), ElementsAre(132));
  const EventLog::Batch head = log.Read(0, 1);
  EXPECT_EQ(head.gap_last, 0);
  EXPECT_THAT(Seqs(head), ElementsAre(2));
}

TEST(EventLogTest, AHeadOfLongLinesIsBoundedByItsText) {
  testing::TestClock clock;
  EventLog log(clock, 100);
  for (int i = 101; i <= 400; ++i) {
    log.AddLine(std::string(8192, 'x'), false);
  }
  // 16 lines are 128 KiB, 128 are 1 MiB.
  const EventLog::Batch head = log.Read(0, 1000);
  EXPECT_EQ(head.gap_last, 0);
  EXPECT_EQ(head.events.size(), 16u);
  EXPECT_EQ(head.events.front().seq, 101);
  const EventLog::Batch tail = log.Read(116, 1000);
  EXPECT_EQ(tail.gap_first, 117);
  EXPECT_EQ(tail.gap_last, 288);
  EXPECT_EQ(tail.events.size(), 112u);
}

TEST(EventLogTest, BoundsTheTextThatItKeeps) {
  testing::TestClock clock;
  EventLog log(clock);
  for (int i = 0; i < 1000; ++i) {
    log.AddLine(std::string(100'000, 'x'), false);
  }
  size_t bytes = 0;
  for (const int64_t after : {0, 16}) {
    for (const JobEvent& event : log.Read(after, 10'000).events) {
      EXPECT_LE(Line(event).size(), 8192u);
      bytes += Line(event).size();
    }
  }
  EXPECT_LE(bytes, size_t{1} << 20);
  EXPECT_GE(bytes, size_t{1} << 19);
}

TEST(EventLogTest, MakesLinesPrintable) {
  testing::TestClock clock;
  EventLog log(clock);
  log.AddLine("a\x1b[31mb\nc", false);
  EXPECT_EQ(Line(log.Read(0, 1).events[0]), "a\\x1b[31mb\\x0ac");
}

TEST(EventLogTest, EndsWithExactlyOneFinished) {
  testing::TestClock clock;
  EventLog log(clock);
  log.AddLine("before", false);
  log.Finish({.status = CancelledError(), .artifact = {}});
  log.Finish({.status = absl::OkStatus(), .artifact = {}});
  log.AddLine("after", false);
  log.StartStage(Stage::kRead);
  log.Report(Bytes(Stage::kRead, 1));

  const EventLog::Batch batch = log.Read(0, 100);
  ASSERT_THAT(Seqs(batch), ElementsAre(1, 2));
  EXPECT_EQ(std::get<Finished>(batch.events[1].what).status.code(),
            absl::StatusCode::kCancelled);
  EXPECT_TRUE(batch.finished);
  EXPECT_FALSE(log.Read(0, 1).finished) << "the last event is still to come";
  EXPECT_TRUE(log.Read(2, 1).finished);
  EXPECT_EQ(log.stage(), Stage::kNone);
}

// A reader from before a restart has counted in another log.
TEST(EventLogTest, ANumberFromAnotherLogGetsTheEnd) {
  testing::TestClock clock;
  EventLog log(clock);
  log.AddLine("before", false);
  EXPECT_THAT(log.Read(37, 100).events, IsEmpty());
  log.Finish({.status = CancelledError(), .artifact = {}});
  EXPECT_THAT(Seqs(log.Read(37, 100)), ElementsAre(2));
  EXPECT_TRUE(log.Read(37, 100).finished);
  EXPECT_THAT(log.Read(2, 100).events, IsEmpty());
}

TEST(EventLogTest, ALaterLogGoesOnWithTheNumbers) {
  testing::TestClock clock;
  EventLog log(clock, 100);
  EXPECT_EQ(log.last_seq(), 100);
  log.AddLine("a", false);
  log.AddLine("b", false);
  for (const int64_t after : {0, 37, 100}) {
    const EventLog::Batch batch = log.Read(after, 100);
    EXPECT_THAT(Seqs(batch), ElementsAre(101, 102));
    EXPECT_EQ(batch.gap_last, 0);
  }
}

TEST(EventLogTest, ProgressBelongsToTheStage) {
  testing::TestClock clock;
  EventLog log(clock);
  EXPECT_EQ(log.progress().stage, Stage::kNone);
  log.StartStage(Stage::kRead);
  log.Report(Bytes(Stage::kRead, 7));
  EXPECT_EQ(log.progress().current, 7);
  clock.Advance(std::chrono::seconds(3));
  log.StartStage(Stage::kMerge);
  EXPECT_EQ(log.progress().stage, Stage::kNone);
  EXPECT_EQ(log.stage(), Stage::kMerge);
  EXPECT_EQ(log.stage_started(), clock.Steady());
}

TEST(EventLogTest, LogTailHoldsTheLastLines) {
  testing::TestClock clock;
  EventLog log(clock);
  log.AddLine("one", false);
  log.AddLine("two", false);
  log.Report(Bytes(Stage::kRead, 1));
  log.AddLine("three", true);
  EXPECT_THAT(log.LogTail(2), ElementsAre("two", "three"));
  EXPECT_THAT(log.LogTail(9), ElementsAre("one", "two", "three"));
}

TEST(EventLogTest, WakesUntilUnsubscribed) {
  testing::TestClock clock;
  EventLog log(clock);
  int wakes = 0;
  const int64_t id = log.Subscribe([&wakes] { ++wakes; });
  log.AddLine("a", false);
  log.Report(Bytes(Stage::kRead, 1));
  EXPECT_EQ(wakes, 2);
  log.Unsubscribe(id);
  log.AddLine("b", false);
  EXPECT_EQ(wakes, 2);
}

// A slow reader sees a subset in order; nobody loses the end.
TEST(EventLogTest, ReadersAtTheirOwnPaceSeeOrderAndTheEnd) {
  const Clock& clock = Clock::System();
  EventLog log(clock);
  std::atomic<int> ends = 0;
  std::vector<std::thread> readers;
  for (int r = 0; r < 4; ++r) {
    readers.emplace_back([&log, &ends, r] {
      int64_t cursor = 0;
      bool done = false;
      while (!done) {
        const EventLog::Batch batch = log.Read(cursor, r == 0 ? 1 : 64);
        if (batch.gap_last != 0) {
          EXPECT_EQ(batch.gap_first, cursor + 1);
          EXPECT_GE(batch.gap_last, batch.gap_first);
        }
        for (const JobEvent& event : batch.events) {
          EXPECT_GT(event.seq, cursor);
          cursor = event.seq;
          if (std::holds_alternative<Finished>(event.what)) {
            ++ends;
          }
        }
        done = batch.finished;
        if (r == 0) {
          std::this_thread::yield();
        }
      }
    });
  }
  for (int i = 0; i < 20'000; ++i) {
    if (i % 3 == 0) {
      log.AddLine("line", false);
    } else {
      log.Report(Bytes(Stage::kRead, i));
    }
  }
  log.Finish({});
  for (std::thread& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(ends, 4);
}

TEST(EventLogTest, UnsubscribeWaitsForARunningWake) {
  testing::TestClock clock;
  EventLog log(clock);
  std::atomic<bool> in_wake = false;
  std::atomic<bool> release = false;
  std::atomic<bool> unsubscribed = false;
  const int64_t id = log.Subscribe([&] {
    in_wake = true;
    while (!release) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(unsubscribed);
  });
  std::thread writer([&log] { log.AddLine("x", false); });
  ASSERT_TRUE(testing::WaitUntil([&] { return in_wake.load(); }));
  std::thread leaver([&] {
    log.Unsubscribe(id);
    unsubscribed = true;
  });
  // Reading is possible meanwhile: a wake holds no lock of the events.
  EXPECT_EQ(log.last_seq(), 1);
  release = true;
  writer.join();
  leaver.join();
  EXPECT_TRUE(unsubscribed);
}

}  // namespace
}  // namespace bottled
