#include "base/cancel.h"

#include <poll.h>
#include <sys/resource.h>

#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/sanitized.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

int Poll(const CancelToken& token, int timeout_ms) {
  pollfd p = {token.fd(), POLLIN, 0};
  return ::poll(&p, 1, timeout_ms);
}

TEST(Cancel, ADefaultTokenIsNeverCancelled) {
  const CancelToken token;
  EXPECT_FALSE(token.Cancelled());
  EXPECT_TRUE(token.Check().ok());
  EXPECT_EQ(token.fd(), -1);
}

TEST(Cancel, RaisesFlagAndDescriptor) {
  CancelSource source;
  const CancelToken token = source.token();
  ASSERT_GE(token.fd(), 0);
  EXPECT_FALSE(token.Cancelled());
  EXPECT_EQ(Poll(token, 0), 0);
  source.Cancel();
  EXPECT_TRUE(token.Cancelled());
  EXPECT_TRUE(HasReason(token.Check(), "CANCELLED"));
  EXPECT_EQ(Poll(token, 0), 1);
  // Readable for ever, for every poller.
  EXPECT_EQ(Poll(source.token(), 0), 1);
  source.Cancel();
  EXPECT_EQ(Poll(token, 0), 1);
}

TEST(Cancel, TokenOutlivesItsSource) {
  CancelToken kept;
  CancelToken cancelled;
  {
    CancelSource source;
    kept = source.token();
    CancelSource other;
    cancelled = other.token();
    other.Cancel();
  }
  EXPECT_FALSE(kept.Cancelled());
  EXPECT_EQ(Poll(kept, 0), 0);
  EXPECT_TRUE(cancelled.Cancelled());
  EXPECT_EQ(Poll(cancelled, 0), 1);
}

TEST(Cancel, WakesEveryPoller) {
  CancelSource source;
  std::vector<std::thread> threads;
  std::vector<int> seen(8, 0);
  for (int& result : seen) {
    threads.emplace_back([&result, token = source.token()] {
      if (Poll(token, -1) == 1 && token.Cancelled()) {
        result = 1;
      }
    });
  }
  source.Cancel();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(seen, std::vector<int>(8, 1));
}

TEST(Cancel, ManyCallersAtOnce) {
  CancelSource source;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&source] { source.Cancel(); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(source.token().Cancelled());
}

TEST(Cancel, TheFlagWorksWithoutADescriptor) {
  if (kUbsan) {
    GTEST_SKIP() << "UBSan itself needs descriptors to look at a vptr";
  }
  rlimit old = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit none = {0, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  auto source = std::make_unique<CancelSource>();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(source->token().fd(), -1);
  source->Cancel();
  EXPECT_TRUE(source->token().Cancelled());
}

}  // namespace
}  // namespace bottled
