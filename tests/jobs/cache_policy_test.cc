#include "jobs/cache_policy.h"

#include <algorithm>
#include <map>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "image/digest.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kDayMs = 1440 * kMinuteMs;

// Limits that nothing of these tests reaches by itself.
CachePolicy Roomy() { return {.max_bytes = 1000, .min_free_bytes = 100}; }
constexpr int64_t kPlenty = 1'000'000;

// Made and last used `age_ms` ago.
CacheEntry Aged(const std::string& name, int64_t bytes, int64_t age_ms) {
  CacheEntry entry;
  entry.record.digest = Sha256Of(name);
  entry.record.size_bytes = bytes;
  entry.record.created_ms = kNow - age_ms;
  entry.record.last_used_ms = kNow - age_ms;
  return entry;
}

// "name:REASON" of each verdict, with "-" in front of those that go.
std::vector<std::string> Judged(const std::vector<CacheEntry>& entries,
                                const std::vector<std::string>& names,
                                int64_t free_bytes, const CachePolicy& policy) {
  std::map<Digest, std::string> known;
  for (const std::string& name : names) {
    known[Sha256Of(name)] = name;
  }
  std::vector<std::string> texts;
  for (const Verdict& verdict : Judge(entries, free_bytes, policy, kNow)) {
    texts.push_back(fmt::format("{}{}:{}", verdict.remove ? "-" : "",
                                known[verdict.artifact], verdict.reason));
  }
  return texts;
}

Verdict TheOnly(const CacheEntry& entry, int64_t free_bytes = kPlenty,
                const CachePolicy& policy = Roomy()) {
  const std::vector<Verdict> verdicts =
      Judge({entry}, free_bytes, policy, kNow);
  EXPECT_EQ(verdicts.size(), 1U);
  return verdicts.empty() ? Verdict() : verdicts.front();
}

TEST(CachePolicyTest, ZerosFollowFromTheFileSystem) {
  struct Case {
    int64_t total;
    int64_t max_bytes;
    int64_t min_free_bytes;
  };
  constexpr int64_t kGB = 1'000'000'000;
  for (const Case& c :
       {Case{2000 * kGB, 100 * kGB, 200 * kGB},
        Case{500 * kGB, 100 * kGB, 50 * kGB},
        Case{60 * kGB, 12 * kGB, 10 * kGB}, Case{20 * kGB, 4 * kGB, 5 * kGB},
        // A file system that tells no size.
        Case{0, 100 * kGB, 0}}) {
    const CachePolicy policy = Resolved({}, c.total);
    EXPECT_EQ(policy.max_bytes, c.max_bytes) << c.total;
    EXPECT_EQ(policy.min_free_bytes, c.min_free_bytes) << c.total;
  }
  const CachePolicy chosen =
      Resolved({.max_bytes = 7, .min_free_bytes = 8}, 60 * kGB);
  EXPECT_EQ(chosen.max_bytes, 7);
  EXPECT_EQ(chosen.min_free_bytes, 8);
  EXPECT_EQ(Resolved({.max_bytes = 7}, 60 * kGB).min_free_bytes, 10 * kGB);
}

TEST(CachePolicyTest, EachReasonIsExplained) {
  struct Case {
    std::string name;
    CacheEntry entry;
    int64_t free_bytes;
    bool remove;
    std::string reason;
    std::vector<std::string> details;
  };
  CacheEntry held = Aged("a", 5000, 90 * kDayMs);
  held.holders = {"pinned: demo", "leased by x (process 1)"};
  held.linked = true;
  held.current = false;
  CacheEntry linked = Aged("a", 5000, 90 * kDayMs);
  linked.linked = true;
  linked.current = false;
  CacheEntry young = Aged("a", 5000, 9 * kMinuteMs);
  young.current = false;
  CacheEntry superseded = Aged("a", 10, 10 * kMinuteMs);
  superseded.current = false;
  for (const Case& c : {
           Case{"held",
                held,
                0,
                false,
                "HELD",
                {"pinned: demo; leased by x (process 1)"}},
           Case{"linked", linked, 0, false, "LINKED", {"other names"}},
           Case{"young",
                young,
                0,
                false,
                "YOUNG",
                {"2023-11-14T22:04:20", "10 min"}},
           Case{"superseded",
                superseded,
                kPlenty,
                true,
                "SUPERSEDED",
                {"content key"}},
           Case{"idle",
                Aged("a", 10, 30 * kDayMs + 1),
                kPlenty,
                true,
                "IDLE",
                {"2023-10-15", "30 d"}},
           Case{"not idle yet",
                Aged("a", 10, 30 * kDayMs),
                kPlenty,
                false,
                "WITHIN_LIMITS",
                {"2023-10-15"}},
           Case{"at the cap",
                Aged("a", 1000, kDayMs),
                kPlenty,
                false,
                "WITHIN_LIMITS",
                {"2023-11-13"}},
           Case{"over the cap",
                Aged("a", 1001, kDayMs),
                kPlenty,
                true,
                "OVER_CAP",
                {"101 B", "900 B", "2023-11-13"}},
           Case{"enough free",
                Aged("a", 10, kDayMs),
                100,
                false,
                "WITHIN_LIMITS",
                {"2023-11-13"}},
           Case{"not enough free",
                Aged("a", 10, kDayMs),
                99,
                true,
                "LOW_SPACE",
                {"1 B", "100 B", "2023-11-13"}},
       }) {
    const Verdict verdict = TheOnly(c.entry, c.free_bytes);
    EXPECT_EQ(verdict.artifact, c.entry.record.digest) << c.name;
    EXPECT_EQ(verdict.bytes, c.entry.record.size_bytes) << c.name;
    EXPECT_EQ(verdict.remove, c.remove) << c.name;
    EXPECT_EQ(verdict.reason, c.reason) << c.name;
    for (const std::string& detail : c.details) {
      EXPECT_THAT(verdict.detail, HasSubstr(detail)) << c.name;
    }
  }
}

TEST(CachePolicyTest, WarmedOnesThatNobodyWantedGoBeforeUsedOnes) {
  CacheEntry young = Aged("young", 300, kDayMs);
  young.record.warmed = true;
  CacheEntry old = Aged("old", 300, 2 * kDayMs);
  old.record.warmed = true;
  const std::vector<CacheEntry> entries = {Aged("used", 300, 3 * kDayMs), young,
                                           old, Aged("recent", 300, kDayMs)};
  EXPECT_THAT(Judged(entries, {"used", "young", "old", "recent"}, kPlenty,
                     {.max_bytes = 500, .min_free_bytes = 100}),
              ElementsAre("-old:OVER_CAP", "-young:OVER_CAP", "-used:OVER_CAP",
                          "recent:WITHIN_LIMITS"));
  EXPECT_THAT(TheOnly(young).detail,
              ::testing::StartsWith("warmed and never asked for, made "));
}

TEST(CachePolicyTest, NothingIsJudgedOfNothing) {
  EXPECT_THAT(Judge({}, 0, Roomy(), kNow), IsEmpty());
}

TEST(CachePolicyTest, NeverIdleWhenThatIsOff) {
  CachePolicy policy = Roomy();
  policy.max_idle = std::chrono::milliseconds(0);
  EXPECT_EQ(TheOnly(Aged("a", 10, 9000 * kDayMs), kPlenty, policy).reason,
            "WITHIN_LIMITS");
}

TEST(CachePolicyTest, NothingIsYoungWhenThatIsOff) {
  CachePolicy policy = Roomy();
  policy.min_keep_age = std::chrono::milliseconds(0);
  EXPECT_EQ(TheOnly(Aged("a", 10, 0), 0, policy).reason, "LOW_SPACE");
}

// Somebody has its path.
TEST(CachePolicyTest, AnOldOneThatWasJustAskedForStays) {
  CacheEntry entry = Aged("a", 10, kDayMs);
  entry.record.last_used_ms = kNow;
  EXPECT_EQ(TheOnly(entry, 0).reason, "YOUNG");
}

// After the clock was set back: else it would stay for a year.
TEST(CachePolicyTest, WhatComesFromTheFutureIsNotYoung) {
  EXPECT_EQ(TheOnly(Aged("a", 10, -kDayMs), 0).reason, "LOW_SPACE");
  EXPECT_EQ(TheOnly(Aged("a", 10, -kMinuteMs), 0).reason, "YOUNG");
}

TEST(CachePolicyTest, AFileSystemThatTellsNothingIsNotShortOfSpace) {
  EXPECT_EQ(Resolved({.min_free_bytes = 8}, 0).min_free_bytes, 0);
}

TEST(CachePolicyTest, TheOrderIsSupersededIdleAndLeastRecentlyUsed) {
  std::vector<CacheEntry> entries = {
      Aged("new", 300, kDayMs),          Aged("older", 300, 3 * kDayMs),
      Aged("old", 300, 2 * kDayMs),      Aged("idle1", 10, 40 * kDayMs),
      Aged("idle2", 10, 50 * kDayMs),    Aged("gone1", 10, 2 * kDayMs),
      Aged("gone2", 10, kDayMs),         Aged("held", 300, 60 * kDayMs),
      Aged("young", 100, 2 * kMinuteMs),
  };
  entries[5].current = false;
  entries[6].current = false;
  entries[7].holders = {"pinned"};
  const std::vector<std::string> names = {"new",   "older", "old",
                                          "idle1", "idle2", "gone1",
                                          "gone2", "held",  "young"};
  // 1300 are left of 1340 without the first four; 900 may be.
  EXPECT_THAT(
      Judged(entries, names, 340, Roomy()),
      ElementsAre("-gone1:SUPERSEDED", "-gone2:SUPERSEDED", "-idle2:IDLE",
                  "-idle1:IDLE", "-older:OVER_CAP", "-old:OVER_CAP",
                  "held:HELD", "young:YOUNG", "new:WITHIN_LIMITS"));
  // The order of the question does not matter.
  std::reverse(entries.begin(), entries.end());
  CachePolicy policy = Roomy();
  policy.min_free_bytes = 1100;
  EXPECT_THAT(
      Judged(entries, names, 200, policy),
      ElementsAre("-gone1:SUPERSEDED", "-gone2:SUPERSEDED", "-idle2:IDLE",
                  "-idle1:IDLE", "-older:OVER_CAP", "-old:OVER_CAP",
                  "-new:LOW_SPACE", "held:HELD", "young:YOUNG"));
}

TEST(CachePolicyTest, WarmedForNobodyGoesBeforeTheLeastRecentlyUsed) {
  CacheEntry warmed = Aged("warmed", 400, 20 * kMinuteMs);
  warmed.record.warmed = true;
  const std::vector<CacheEntry> entries = {Aged("old", 400, 2 * kDayMs), warmed,
                                           Aged("new", 400, 30 * kMinuteMs)};
  EXPECT_THAT(Judged(entries, {"old", "warmed", "new"}, kPlenty, Roomy()),
              ElementsAre("-warmed:OVER_CAP", "old:WITHIN_LIMITS",
                          "new:WITHIN_LIMITS"));
  EXPECT_THAT(TheOnly(warmed).detail, HasSubstr("never asked for"));
}

TEST(CachePolicyTest, WhatGoesAnywayCountsForTheLimits) {
  std::vector<CacheEntry> entries = {Aged("a", 900, kDayMs),
                                     Aged("b", 200, 2 * kDayMs)};
  entries[0].current = false;
  EXPECT_THAT(Judged(entries, {"a", "b"}, 0, Roomy()),
              ElementsAre("-a:SUPERSEDED", "b:WITHIN_LIMITS"));
}

TEST(CachePolicyTest, OnlyACapThatIsExceededBringsItDownToNinetyPercent) {
  const std::vector<std::string> names = {"a", "b", "c"};
  std::vector<CacheEntry> entries = {Aged("a", 90, 3 * kDayMs),
                                     Aged("b", 60, 2 * kDayMs),
                                     Aged("c", 850, kDayMs)};
  EXPECT_THAT(
      Judged(entries, names, kPlenty, Roomy()),
      ElementsAre("a:WITHIN_LIMITS", "b:WITHIN_LIMITS", "c:WITHIN_LIMITS"));
  entries[2].record.size_bytes = 851;
  EXPECT_THAT(Judged(entries, names, kPlenty, Roomy()),
              ElementsAre("-a:OVER_CAP", "-b:OVER_CAP", "c:WITHIN_LIMITS"));
}

TEST(CachePolicyTest, TheLastUseCountsAndNotTheAge) {
  std::vector<CacheEntry> entries = {Aged("a", 600, 3 * kDayMs),
                                     Aged("b", 600, 2 * kDayMs)};
  entries[0].record.last_used_ms = kNow - kDayMs;
  EXPECT_THAT(Judged(entries, {"a", "b"}, kPlenty, Roomy()),
              ElementsAre("-b:OVER_CAP", "a:WITHIN_LIMITS"));
}

TEST(CachePolicyTest, TwinsGoInTheOrderOfTheirDigests) {
  std::vector<CacheEntry> entries = {Aged("a", 10, kDayMs),
                                     Aged("b", 10, kDayMs)};
  const auto one = Judge(entries, 0, Roomy(), kNow);
  std::swap(entries[0], entries[1]);
  const auto other = Judge(entries, 0, Roomy(), kNow);
  ASSERT_EQ(one.size(), 2U);
  ASSERT_EQ(other.size(), 2U);
  EXPECT_EQ(one[0].artifact, other[0].artifact);
  EXPECT_LT(one[0].artifact, one[1].artifact);
}

}  // namespace
}  // namespace bottled
