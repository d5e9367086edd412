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
  int released_ = 0;
  IdleRelease release_{{.processor_time = [this] { return processor_time_; },
                        .release =
                            [this] {
                              ++released_;
                              processor_time_ += milliseconds(200);
                            }}};
};

TEST_F(IdleReleaseTest, ReleasesOnceAtRestAfterWork) {
  for (int released = 0; released < 3; ++released) {
    Tick(20, milliseconds(20));
    Tick(4, microseconds(19'999));
    EXPECT_EQ(released_, released) << "it may go on";
    Tick(1, microseconds(19'999));
    EXPECT_EQ(released_, released + 1);
    Tick(20, milliseconds(0));
    EXPECT_EQ(released_, released + 1) << "there is nothing more";
  }
}

TEST_F(IdleReleaseTest, WorkBeginsTheWaitAnew) {
  for (int i = 0; i < 5; ++i) {
    Tick(4, milliseconds(0));
    Tick(1, milliseconds(20));
  }
  EXPECT_EQ(released_, 0);
}

TEST_F(IdleReleaseTest, LittleByLittleIsWorkToo) {
  Tick(99, milliseconds(1));
  EXPECT_EQ(released_, 0);
  Tick(1, milliseconds(1));
  EXPECT_EQ(released_, 1);
  Tick(100, milliseconds(1));
  EXPECT_EQ(released_, 2);
}

// What the start took may be free by then.
TEST_F(IdleReleaseTest, TheStartIsWork) {
  processor_time_ = milliseconds(100);
  IdleRelease late({.processor_time = [this] { return processor_time_; },
                    .release = [this] { ++released_; }});
  for (int i = 0; i < 5; ++i) {
    late.Tick();
  }
  EXPECT_EQ(released_, 1);
}

TEST(IdleReleaseSelfTest, IsThisProcess) {
  const IdleRelease::Process self = IdleRelease::Self();
  const microseconds begin = self.processor_time();
  while (self.processor_time() - begin < milliseconds(2)) {
  }
  self.release();
}

}  // namespace
}  // namespace bottled
