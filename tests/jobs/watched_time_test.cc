#include "jobs/watched_time.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/cache_policy.h"

namespace bottled {
namespace {

using std::chrono::hours;

constexpr int64_t kStart = 1'700'000'000'000;
constexpr std::chrono::milliseconds kMonth = hours(30 * 24);

int64_t After(std::chrono::milliseconds time) { return kStart + time.count(); }

TEST(WatchedTimeTest, TheFirstLookTrustsAllTimes) {
  EXPECT_EQ(LookedAt({}, kStart, kMonth), (WatchedTime{.seen_ms = kStart}));
}

TEST(WatchedTimeTest, LooksThatFollowEachOtherAreNoGap) {
  WatchedTime time = LookedAt({}, kStart, kMonth);
  // Once a week at a weekend house; and a clock that is corrected.
  for (const std::chrono::milliseconds at :
       {hours(0), hours(7 * 24), hours(14 * 24), hours(14 * 24 - 1)}) {
    time = LookedAt(time, After(at), kMonth);
    EXPECT_EQ(time, (WatchedTime{.seen_ms = After(at)}));
  }
}

TEST(WatchedTimeTest, AGapBeginsAnew) {
  const WatchedTime before = {.seen_ms = kStart, .since_ms = 5};
  for (const std::chrono::milliseconds jump :
       {std::chrono::milliseconds(hours(7 * 24)) + std::chrono::milliseconds(1),
        std::chrono::milliseconds(hours(365 * 24)),
        std::chrono::milliseconds(hours(-365 * 24)),
        std::chrono::milliseconds(hours(-1)) - std::chrono::milliseconds(1)}) {
    EXPECT_EQ(LookedAt(before, After(jump), kMonth),
              (WatchedTime{.seen_ms = After(jump), .since_ms = After(jump)}));
  }
  // Idle sooner, so a shorter gap is one.
  EXPECT_EQ(LookedAt(before, After(hours(13)), hours(24)).since_ms,
            After(hours(13)));
  EXPECT_EQ(LookedAt(before, After(hours(12)), hours(24)).since_ms, 5);
}

CacheEntry Used(const std::string& name, int64_t at_ms) {
  CacheEntry entry;
  entry.record.digest = Sha256Of(name);
  entry.record.size_bytes = 100;
  entry.record.created_ms = at_ms;
  entry.record.last_used_ms = at_ms;
  return entry;
}

std::vector<std::string> Reasons(const std::vector<Verdict>& verdicts) {
  std::vector<std::string> reasons;
  for (const Verdict& verdict : verdicts) {
    reasons.push_back(verdict.reason);
  }
  return reasons;
}

constexpr CachePolicy kRoomy = {.max_bytes = 1'000'000, .min_free_bytes = 1};

TEST(WatchedTimeTest, AYearAheadMakesNothingIdleAtOnce) {
  const int64_t now = After(hours(365 * 24));
  const std::vector<CacheEntry> entries = {Used("a", kStart),
                                           Used("b", kStart - 1)};
  EXPECT_THAT(Reasons(Judge(entries, 1 << 30, kRoomy, now)),
              ::testing::Each("IDLE"));
  EXPECT_THAT(Reasons(Judge(entries, 1 << 30, kRoomy, now, now)),
              ::testing::Each("WITHIN_LIMITS"));
  // In time it is idle all the same.
  EXPECT_THAT(
      Reasons(Judge(entries, 1 << 30, kRoomy, now + kMonth.count() + 1, now)),
      ::testing::Each("IDLE"));
}

TEST(WatchedTimeTest, AYearBackKeepsTheOrderOfUse) {
  const int64_t now = After(hours(-365 * 24));
  const std::vector<CacheEntry> entries = {
      Used("since", now - hours(1).count()), Used("before", kStart),
      Used("long before", kStart - 1)};
  CachePolicy policy = kRoomy;
  policy.max_bytes = 1;
  const std::vector<Verdict> verdicts =
      Judge(entries, 1 << 30, policy, now, now - hours(2).count());
  ASSERT_EQ(verdicts.size(), 3U);
  EXPECT_EQ(verdicts[0].artifact, Sha256Of("long before"));
  EXPECT_EQ(verdicts[1].artifact, Sha256Of("before"));
  EXPECT_EQ(verdicts[2].artifact, Sha256Of("since"));
}

}  // namespace
}  // namespace bottled
