#include "client/progress.h"

#include <string>

#include "client/table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const ProgressView::TimePoint kStart(seconds(1000));

v1::JobEvent Started(v1::Stage stage) {
  v1::JobEvent event;
  event.mutable_stage_started()->set_stage(stage);
  return event;
}

v1::JobEvent Read(int64_t current, int64_t total) {
  v1::JobEvent event;
  v1::Progress& progress = *event.mutable_progress();
  progress.set_stage(v1::STAGE_READ);
  progress.set_current(current);
  progress.set_total(total);
  progress.set_unit(v1::UNIT_BYTES);
  return event;
}

v1::JobEvent Log(const std::string& text, bool warning) {
  v1::JobEvent event;
  event.mutable_log()->set_text(text);
  event.mutable_log()->set_warning(warning);
  return event;
}

TEST(ProgressTest, APipeGetsALinePerStageAndOneEveryTenSeconds) {
  ProgressView view({.terminal = false}, kStart);
  EXPECT_EQ(view.OnEvent(Started(v1::STAGE_READ), kStart), "read\n");
  EXPECT_EQ(view.OnEvent(Read(1 << 20, 4 << 20), kStart + seconds(1)), "");
  EXPECT_EQ(view.OnTick(kStart + seconds(9)), "");
  const std::string line = view.OnTick(kStart + seconds(10));
  EXPECT_THAT(line, StartsWith("read: "));
  EXPECT_THAT(line, HasSubstr("(25%)"));
  EXPECT_THAT(line, HasSubstr("10 s"));
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_EQ(view.OnTick(kStart + seconds(11)), "");
}

TEST(ProgressTest, ATerminalGetsABarWithinItsWidth) {
  for (size_t width : {1, 10, 40, 80, 200}) {
    ProgressView view({.terminal = true, .width = width}, kStart);
    view.OnEvent(Started(v1::STAGE_READ), kStart);
    const std::string bar =
        view.OnEvent(Read(3 << 20, 4 << 20), kStart + seconds(2));
    ASSERT_THAT(bar, StartsWith("\r\x1b[K"));
    EXPECT_LE(bar.size() - 4, width);
  }
}

TEST(ProgressTest, ATerminalIsNotDrawnMoreThanTenTimesASecond) {
  ProgressView view({.terminal = true}, kStart);
  view.OnEvent(Started(v1::STAGE_READ), kStart);
  EXPECT_EQ(view.OnEvent(Read(1, 10), kStart + milliseconds(50)), "");
  EXPECT_NE(view.OnEvent(Read(2, 10), kStart + milliseconds(100)), "");
}

TEST(ProgressTest, LogLinesGoAboveTheBar) {
  ProgressView view({.terminal = true}, kStart);
  view.OnEvent(Started(v1::STAGE_READ), kStart);
  const std::string text = view.OnEvent(Log("odd name", true), kStart);
  EXPECT_THAT(text, StartsWith("\r\x1b[Kwarning: odd name\n"));
}

TEST(ProgressTest, ForeignTextCannotDriveTheTerminal) {
  ProgressView view({.terminal = false}, kStart);
  const std::string text = view.OnEvent(Log("a\x1b[2Jb\r\nc", false), kStart);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
}

TEST(ProgressTest, NothingIsDrawnAfterTheEnd) {
  ProgressView view({.terminal = true}, kStart);
  view.OnEvent(Started(v1::STAGE_READ), kStart);
  v1::JobEvent end;
  end.mutable_finished();
  EXPECT_EQ(view.OnEvent(end, kStart), "\r\x1b[K");
  EXPECT_EQ(view.OnTick(kStart + seconds(60)), "");
}

TEST(ProgressTest, ARetriedStageHasNoNegativeRate) {
  ProgressView view({.terminal = false}, kStart);
  view.OnEvent(Started(v1::STAGE_READ), kStart);
  view.OnEvent(Read(8 << 20, 9 << 20), kStart + seconds(2));
  view.OnEvent(Read(0, 9 << 20), kStart + seconds(3));
  view.OnEvent(Read(1 << 20, 9 << 20), kStart + seconds(5));
  EXPECT_THAT(view.OnTick(kStart + seconds(20)), Not(HasSubstr("-")));
}

TEST(ProgressTest, Words) {
  EXPECT_EQ(StageWord(v1::STAGE_ASSEMBLE), "assemble");
  EXPECT_EQ(StageWord(v1::STAGE_UNSPECIFIED), "queued");
  EXPECT_EQ(StageWord(static_cast<v1::Stage>(77)), "#77");
  EXPECT_EQ(StateWord(v1::JOB_STATE_FAILED), "failed");
  EXPECT_EQ(FormatSeconds(-5), "0 s");
  EXPECT_EQ(FormatSeconds(59), "59 s");
  EXPECT_EQ(FormatSeconds(200), "3 min 20 s");
  EXPECT_EQ(FormatSeconds(3900), "1 h 05 min");
}

TEST(TableTest, AlignsByCodePointsAndTrimsLines) {
  Table table({"NAME", ">SIZE", "X"});
  table.Add({"caf\xc3\xa9", "1"});
  table.Add({"a", "100", "y"});
  EXPECT_EQ(table.Format(),
            "NAME  SIZE  X\n"
            "caf\xc3\xa9     1\n"
            "a      100  y\n");
  EXPECT_EQ(Table({"NAME"}).Format(), "");
}

TEST(TableTest, PairsLeaveEmptyValuesOut) {
  EXPECT_EQ(FormatPairs({{"A", "1"}, {"Long", "2"}, {"Longest", ""}}),
            "A:     1\nLong:  2\n");
}

}  // namespace
}  // namespace bottled::client
