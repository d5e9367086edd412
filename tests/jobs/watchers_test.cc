#include "jobs/watchers.h"

#include <atomic>
#include <chrono>
#include <map>
#include <string>

#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

using testing::WaitUntil;

// A loop that counts its runs and waits to be stopped.
Watchers::Loop Counting(std::atomic<int>& started, std::atomic<int>& ended) {
  return [&started, &ended](const CancelToken& cancel) {
    ++started;
    EXPECT_FALSE(SleepFor(std::chrono::hours(1), cancel).ok());
    ++ended;
  };
}

TEST(Watchers, RunWhatIsWantedAndStopTheRest) {
  std::atomic<int> a_started = 0;
  std::atomic<int> a_ended = 0;
  std::atomic<int> b_started = 0;
  std::atomic<int> b_ended = 0;
  Watchers watchers;
  watchers.Set({{"a", Counting(a_started, a_ended)}});
  EXPECT_TRUE(WaitUntil([&] { return a_started == 1; }));
  watchers.Set({{"a", Counting(a_started, a_ended)},
                {"b", Counting(b_started, b_ended)}});
  EXPECT_TRUE(WaitUntil([&] { return b_started == 1; }));
  EXPECT_EQ(a_started, 1) << "it ran already";
  watchers.Set({{"b", Counting(b_started, b_ended)}});
  EXPECT_EQ(a_ended, 1);
  EXPECT_EQ(b_ended, 0);
  watchers.Set({});
  EXPECT_EQ(b_ended, 1);
}

TEST(Watchers, EndWithTheirOwner) {
  std::atomic<int> started = 0;
  std::atomic<int> ended = 0;
  {
    Watchers watchers;
    watchers.Set({{"a", Counting(started, ended)}});
    EXPECT_TRUE(WaitUntil([&] { return started == 1; }));
  }
  EXPECT_EQ(ended, 1);
}

}  // namespace
}  // namespace bottled
