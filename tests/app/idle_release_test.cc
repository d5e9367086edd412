#include "app/idle_release.h"

#include <chrono>

#include "gtest/gtest.h"

namespace bottled {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class IdleReleaseTest : public ::testing::Test {
 protected:
  // Ticks after which the processor was used for `each`.
  void Tick(int times, microseconds each) {
    for (int i = 0; i < times; ++i) {
      processor_time_ += each;
      release_.Tick();
    }
  }

  microseconds processor_time_{0};
  int64_t resident_ = 40 << 20;
  int64_t keeps_ = 41 << 20;
  int released_ = 0;
  IdleRelease release_{{.processor_time = [this] { return processor_time_; },
                        .resident_bytes = [this] { return resident_; },
                        .release =
                            [this] {
                              ++released_;
                              resident_ = keeps_;
                            }}};
};

TEST_F(IdleReleaseTest, ReleasesAtRestAfterWork) {
  resident_ = 100 << 20;
  Tick(20, milliseconds(20));
  EXPECT_EQ(released_, 0) << "it works";
  Tick(4, milliseconds(19));
  EXPECT_EQ(released_, 0) << "it may go on";
  Tick(1, milliseconds(19));
  EXPECT_EQ(released_, 1);
  Tick(20, milliseconds(0));
  EXPECT_EQ(released_, 1) << "there is nothing more";
}

TEST_F(IdleReleaseTest, WorkBeginsTheWaitAnew) {
  resident_ = 100 << 20;
  for (int i = 0; i < 5; ++i) {
    Tick(4, milliseconds(0));
    Tick(1, milliseconds(20));
  }
  EXPECT_EQ(released_, 0);
}

TEST_F(IdleReleaseTest, CountsFromWhatTheLastOneLeft) {
  resident_ += 1 << 20;
  Tick(20, milliseconds(0));
  EXPECT_EQ(released_, 0) << "too little";
  resident_ += 1;
  Tick(5, milliseconds(0));
  EXPECT_EQ(released_, 1);
  // What could not be released is in use.
  keeps_ = 90 << 20;
  resident_ = 100 << 20;
  Tick(20, milliseconds(0));
  EXPECT_EQ(released_, 2);
  resident_ = keeps_ + (1 << 20) + 1;
  Tick(5, milliseconds(0));
  EXPECT_EQ(released_, 3);
}

TEST(IdleReleaseSelfTest, IsThisProcess) {
  const IdleRelease::Process self = IdleRelease::Self();
  const microseconds begin = self.processor_time();
  while (self.processor_time() - begin < milliseconds(2)) {
  }
  EXPECT_GT(self.resident_bytes(), 0);
  self.release();
}

}  // namespace
}  // namespace bottled
