#include "app/periodic.h"

#include <poll.h>

#include <atomic>

#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(Periodic, CallsAgainAndAgain) {
  std::atomic<int> calls = 0;
  CancelSource third;
  {
    const Periodic periodic(std::chrono::milliseconds(1),
                            [&](const CancelToken& cancel) {
                              EXPECT_FALSE(cancel.Cancelled());
                              if (++calls == 3) {
                                third.Cancel();
                              }
                            });
    pollfd wait{third.token().fd(), POLLIN, 0};
    ::poll(&wait, 1, 60'000);
  }
  EXPECT_GE(calls, 3);
}

// Regression: a sweep that waited for an engine held up the daemon's end.
TEST(Periodic, ItsEndCancelsACallThatRuns) {
  std::atomic<bool> cancelled = false;
  CancelSource running;
  {
    const Periodic periodic(std::chrono::hours(1),
                            [&](const CancelToken& cancel) {
                              running.Cancel();
                              pollfd wait{cancel.fd(), POLLIN, 0};
                              ::poll(&wait, 1, 60'000);
                              cancelled = cancel.Cancelled();
                            });
    pollfd wait{running.token().fd(), POLLIN, 0};
    ::poll(&wait, 1, 60'000);
  }
  EXPECT_TRUE(cancelled);
}

}  // namespace
}  // namespace bottled
