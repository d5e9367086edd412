#include "base/clock.h"

#include <ctime>

#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(Clock, AgreesWithTheSystem) {
  const auto before = static_cast<int64_t>(std::time(nullptr)) * 1000;
  const int64_t now = Clock::System().NowMs();
  // time() may lag behind by a tick, and the suite may be paused in between.
  EXPECT_GE(now, before - 1000);
  EXPECT_LE(now, before + 3600 * 1000);
}

TEST(Clock, SteadyNeverGoesBack) {
  const auto first = Clock::System().Steady();
  EXPECT_GE(Clock::System().Steady(), first);
}

}  // namespace
}  // namespace bottled
