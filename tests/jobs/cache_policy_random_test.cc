// The policy's promises, for histories that nobody thought of.

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/sanitized.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "image/digest.h"
#include "jobs/cache_policy.h"

namespace bottled {
namespace {

constexpr int64_t kMoment = 1'700'000'000'000;
constexpr int64_t kSpanMs = 86'400'000;

// Made and last used `age_ms` ago.
CacheEntry MakeEntry(const std::string& name, int64_t bytes, int64_t age_ms) {
  CacheEntry entry;
  entry.record.digest = Sha256Of(name);
  entry.record.size_bytes = bytes;
  entry.record.created_ms = kMoment - age_ms;
  entry.record.last_used_ms = kMoment - age_ms;
  return entry;
}

struct History {
  std::vector<CacheEntry> entries;
  CachePolicy policy;
  int64_t free_bytes = 0;
  int64_t reserved_bytes = 0;
};

History RandomHistory(std::mt19937_64& random) {
  const auto below = [&random](int64_t end) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(end));
  };
  History history;
  history.policy = {
      .max_bytes = 1 + below(4000),
      .min_free_bytes = below(2000),
      .max_idle =
          std::chrono::milliseconds(below(3) == 0 ? 0 : 1 + below(2 * kSpanMs)),
      .min_keep_age = std::chrono::milliseconds(below(kSpanMs / 4))};
  history.free_bytes = below(3000);
  // For a job that is to start, beside those that have reserved room already:
  // the collector wants so much more to be free.
  if (below(2) == 0) {
    history.reserved_bytes = 1 + below(3000);
    history.policy.min_free_bytes += history.reserved_bytes;
  }
  // Each history has its own share of exceptions; a third has none.
  const int64_t exceptions = below(3) == 0 ? 0 : 1 + below(8);
  const int64_t count = below(20);
  for (int64_t i = 0; i < count; ++i) {
    CacheEntry entry =
        MakeEntry(fmt::format("{}", i), 1 + below(500), below(3 * kSpanMs));
    // Few moments, so that some are equal.
    entry.record.last_used_ms += below(4) * kSpanMs / 4;
    const bool exception = exceptions > 0 && below(exceptions) == 0;
    if (exception && below(2) == 0) {
      entry.holders = {"pinned"};
    } else if (exception) {
      entry.linked = true;
    }
    entry.current = below(5) != 0;
    entry.record.warmed = below(4) == 0;
    history.entries.push_back(std::move(entry));
  }
  return history;
}

bool MayGo(const CacheEntry& entry, const CachePolicy& policy) {
  const int64_t age_ms =
      kMoment - std::max(entry.record.created_ms, entry.record.last_used_ms);
  return entry.holders.empty() && !entry.linked &&
         std::abs(age_ms) >= policy.min_keep_age.count();
}

// What is wrong with the verdicts, or "".
std::string Complaint(const History& history,
                      const std::vector<Verdict>& verdicts) {
  std::map<Digest, const CacheEntry*> entries;
  int64_t left = 0;
  for (const CacheEntry& entry : history.entries) {
    entries[entry.record.digest] = &entry;
    left += entry.record.size_bytes;
  }
  const CachePolicy& policy = history.policy;
  int64_t free = history.free_bytes;
  std::set<Digest> seen;
  bool more_may_go = false;
  bool keeps = false;
  bool used_one_goes = false;
  bool warmed_one_stays = false;
  int64_t before_limits = -1;
  int64_t last = 0;
  for (const Verdict& verdict : verdicts) {
    const auto found = entries.find(verdict.artifact);
    if (found == entries.end() || !seen.insert(verdict.artifact).second) {
      return "not one verdict for each";
    }
    const CacheEntry& entry = *found->second;
    if (!verdict.remove) {
      keeps = true;
      more_may_go = more_may_go || MayGo(entry, policy);
      warmed_one_stays =
          warmed_one_stays || (MayGo(entry, policy) && entry.record.warmed);
      if (MayGo(entry, policy) != (verdict.reason == "WITHIN_LIMITS")) {
        return "a wrong reason to stay: " + verdict.reason;
      }
      continue;
    }
    if (keeps) {
      return "those that go do not come first";
    }
    if (!MayGo(entry, policy)) {
      return "one that is held, linked or young goes";
    }
    const bool for_limits =
        verdict.reason == "OVER_CAP" || verdict.reason == "LOW_SPACE";
    const int64_t idle_ms = kMoment - entry.record.last_used_ms;
    const bool idle =
        policy.max_idle.count() > 0 && idle_ms > policy.max_idle.count();
    if (for_limits != (entry.current && !idle)) {
      return "a wrong reason to go: " + verdict.reason;
    }
    used_one_goes = used_one_goes || (for_limits && !entry.record.warmed);
    if (for_limits && before_limits < 0) {
      before_limits = left;
    }
    left -= verdict.bytes;
    free += verdict.bytes;
    last = for_limits ? verdict.bytes : 0;
  }
  if (seen.size() != entries.size()) {
    return "not one verdict for each";
  }
  if (used_one_goes && warmed_one_stays) {
    return "one that was used goes before a warmed one";
  }
  if (more_may_go &&
      (left > policy.max_bytes || free < policy.min_free_bytes)) {
    return "more should have gone";
  }
  if (last > 0) {
    // With the last one still there.
    const bool over_cap = before_limits > policy.max_bytes &&
                          10 * (left + last) > 9 * policy.max_bytes;
    if (!over_cap && free - last >= policy.min_free_bytes) {
      return "one less would have been enough";
    }
    if (more_may_go && before_limits > policy.max_bytes &&
        10 * left > 9 * policy.max_bytes) {
      return "not down to 90 %";
    }
  }
  return "";
}

TEST(CachePolicyRandomTest, RandomHistoriesEndWithinTheLimits) {
  constexpr int kCases = Turns(100'000);
  std::mt19937_64 random(20'261'126);
  std::map<std::string, int> reasons;
  int reservations = 0;
  int admitted = 0;
  for (int i = 0; i < kCases; ++i) {
    const History history = RandomHistory(random);
    const std::vector<Verdict> verdicts =
        Judge(history.entries, history.free_bytes, history.policy, kMoment);
    ASSERT_EQ(Complaint(history, verdicts), "") << "case " << i;
    for (const Verdict& verdict : verdicts) {
      ++reasons[verdict.reason];
    }
    // A reservation is admitted exactly when all that may go would make room
    // for it; then it has its room, and what protects stays all the same.
    int64_t could_be_free = history.free_bytes;
    for (const Verdict& verdict : verdicts) {
      could_be_free += verdict.remove ? verdict.bytes : 0;
    }
    int64_t all_that_may_go = history.free_bytes;
    for (const CacheEntry& entry : history.entries) {
      all_that_may_go +=
          MayGo(entry, history.policy) ? entry.record.size_bytes : 0;
    }
    const bool possible = all_that_may_go >= history.policy.min_free_bytes;
    ASSERT_EQ(could_be_free >= history.policy.min_free_bytes, possible)
        << "case " << i;
    reservations += history.reserved_bytes > 0 ? 1 : 0;
    admitted += history.reserved_bytes > 0 && possible ? 1 : 0;
    // Whoever does what it says has nothing left to do.
    std::set<Digest> gone;
    int64_t free_bytes = history.free_bytes;
    for (const Verdict& verdict : verdicts) {
      if (verdict.remove) {
        gone.insert(verdict.artifact);
        free_bytes += verdict.bytes;
      }
    }
    std::vector<CacheEntry> left = history.entries;
    std::erase_if(left, [&](const CacheEntry& entry) {
      return gone.contains(entry.record.digest);
    });
    for (const Verdict& verdict :
         Judge(left, free_bytes, history.policy, kMoment)) {
      ASSERT_FALSE(verdict.remove) << "case " << i;
    }
  }
  EXPECT_GT(admitted, 1000);
  EXPECT_GT(reservations - admitted, 1000);
  // The histories had everything in them.
  for (const char* reason : {"HELD", "LINKED", "YOUNG", "WITHIN_LIMITS",
                             "SUPERSEDED", "IDLE", "OVER_CAP", "LOW_SPACE"}) {
    EXPECT_GT(reasons[reason], 1000) << reason;
  }
}

}  // namespace
}  // namespace bottled
