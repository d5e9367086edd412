#include "jobs/warm_guard.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;

class WarmGuardTest : public ::testing::Test {
 protected:
  std::string Check(int64_t bytes = 10) {
    const WarmGuard guard(
        options_,
        WarmGuard::Machine{.load = [this] { return load_; },
                           .free_bytes = [this] { return free_; },
                           .min_free_bytes = [this] { return min_; }});
    return guard.Check(bytes);
  }

  WarmGuard::Options options_;
  HostLoad load_;
  absl::StatusOr<int64_t> free_ = 100;
  absl::StatusOr<int64_t> min_ = 90;
};

TEST_F(WarmGuardTest, AnIdleMachineGoesOn) { EXPECT_EQ(Check(), ""); }

TEST_F(WarmGuardTest, TheBatteryIsLeftAlone) {
  load_.on_battery = true;
  EXPECT_THAT(Check(), HasSubstr("battery"));
}

TEST_F(WarmGuardTest, PressureMeansLater) {
  load_.memory_stalled = 26;
  EXPECT_THAT(Check(), HasSubstr("memory is short"));
  load_ = {.io_stalled = 26};
  EXPECT_THAT(Check(), HasSubstr("disks are busy"));
  load_.io_stalled = 25;
  EXPECT_EQ(Check(), "");
  load_ = {.memory_stalled = 100, .io_stalled = 100};
  options_.max_stalled = 0;
  EXPECT_EQ(Check(), "");
}

TEST_F(WarmGuardTest, WhatShallStayFreeStays) {
  EXPECT_EQ(Check(10), "");
  EXPECT_THAT(Check(11), HasSubstr("shall stay free"));
}

TEST_F(WarmGuardTest, ADiskThatCannotBeAskedIsNoReason) {
  free_ = absl::UnknownError("no");
  EXPECT_EQ(Check(1000), "");
  free_ = 100;
  min_ = absl::UnknownError("no");
  EXPECT_EQ(Check(1000), "");
}

}  // namespace
}  // namespace bottled
