#include "jobs/key_claims.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

TEST(KeyClaimsTest, OneHolderAtATime) {
  KeyClaims claims;
  const Digest key = Sha256Of("a");
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto claim = claims.Take(key, [] {}, CancelToken());
      ASSERT_TRUE(claim.ok());
      const int now = ++inside;
      most = std::max(most.load(), now);
      std::this_thread::yield();
      --inside;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(most, 1);
}

TEST(KeyClaimsTest, OtherKeysDoNotWait) {
  KeyClaims claims;
  const auto one = claims.Take(Sha256Of("a"), [] {}, CancelToken());
  const auto other = claims.Take(
      Sha256Of("b"), [] { FAIL() << "nobody has it"; }, CancelToken());
  EXPECT_TRUE(one.ok() && other.ok());
}

TEST(KeyClaimsTest, AWaitIsToldOnceAndEndsWithACancel) {
  KeyClaims claims;
  const Digest key = Sha256Of("a");
  const auto held = claims.Take(key, [] {}, CancelToken());
  CancelSource source;
  std::atomic<int> told = 0;
  std::thread waiter([&] {
    const auto claim = claims.Take(key, [&] { ++told; }, source.token());
    EXPECT_TRUE(absl::IsCancelled(claim.status()));
  });
  EXPECT_TRUE(testing::WaitUntil([&] { return told == 1; }));
  source.Cancel();
  waiter.join();
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace bottled
