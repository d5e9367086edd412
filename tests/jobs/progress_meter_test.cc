#include "jobs/progress_meter.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

class ProgressMeterTest : public ::testing::Test {
 protected:
  testing::TestClock clock_;
  EventLog log_{clock_};
};

TEST_F(ProgressMeterTest, ReportsAtMostTenTimesASecond) {
  {
    ProgressMeter meter(log_, clock_, {.stage = Stage::kRead, .total = 5000});
    for (int i = 1; i <= 5000; ++i) {
      clock_.Advance(std::chrono::milliseconds(1));
      meter.Set(i);
    }
    // Each report takes a number, conflated or not.
    EXPECT_EQ(log_.last_seq(), 50);
  }
  EXPECT_EQ(log_.last_seq(), 51) << "the last step is reported in any case";
  EXPECT_EQ(log_.progress().current, 5000);
  EXPECT_EQ(log_.progress().total, 5000);
}

TEST_F(ProgressMeterTest, SaysNothingWithoutAStep) {
  {
    ProgressMeter meter(log_, clock_, {.stage = Stage::kRead});
  }
  EXPECT_EQ(log_.last_seq(), 0);
}

TEST_F(ProgressMeterTest, ANewStageStartsWithAReport) {
  ProgressMeter meter(log_, clock_, {.stage = Stage::kMerge, .total = 10});
  meter.Set(1);
  meter.Set(10);
  meter.Begin({.stage = Stage::kAssemble, .total = 7});
  EXPECT_EQ(log_.progress().current, 10);
  meter.Set(3);
  EXPECT_EQ(log_.progress().stage, Stage::kAssemble);
  EXPECT_EQ(log_.progress().current, 3);
}

}  // namespace
}  // namespace bottled
