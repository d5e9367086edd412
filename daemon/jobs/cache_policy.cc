#include "jobs/cache_policy.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

#include "base/strings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace bottled {
namespace {

constexpr int64_t kGigabyte = 1'000'000'000;

std::string SpanText(std::chrono::milliseconds time) {
  constexpr std::array<std::pair<int64_t, const char*>, 3> kUnits = {
      {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "min"}}};
  for (const auto& [length, unit] : kUnits) {
    if (time.count() >= length && time.count() % length == 0) {
      return fmt::format("{} {}", time.count() / length, unit);
    }
  }
  return fmt::format("{} s", time.count() / 1000);
}

// 90 % of the cap, without an overflow.
int64_t LowWater(int64_t max_bytes) {
  return max_bytes / 10 * 9 + max_bytes % 10 * 9 / 10;
}

// The order of last use. After the clock was set back, what comes from the
// future was used before what was used since.
class UsedBefore {
 public:
  UsedBefore(int64_t now_ms, int64_t watched_since_ms)
      : now_ms_(now_ms), since_ms_(watched_since_ms) {}

  bool operator()(const CacheEntry& a, const CacheEntry& b) const {
    const auto key = [this](const ArtifactRecord& r) {
      const bool future = r.last_used_ms > now_ms_ && since_ms_ != 0;
      return std::make_tuple(future ? since_ms_ : r.last_used_ms,
                             r.last_used_ms, r.created_ms, r.digest);
    };
    return key(a.record) < key(b.record);
  }

 private:
  int64_t now_ms_;
  int64_t since_ms_;
};

std::string LastUsed(const CacheEntry& entry) {
  return (entry.record.warmed ? "warmed and never asked for, made "
                              : "last used ") +
         FormatTimeMs(entry.record.last_used_ms);
}

Verdict Stays(const CacheEntry& entry, std::string reason, std::string detail) {
  return {.artifact = entry.record.digest,
          .bytes = entry.record.size_bytes,
          .reason = std::move(reason),
          .detail = std::move(detail)};
}

// Those that stay whatever the limits are.
std::optional<Verdict> Exempt(const CacheEntry& entry,
                              const CachePolicy& policy, int64_t now_ms) {
  if (!entry.holders.empty()) {
    return Stays(entry, "HELD",
                 fmt::format("{}", fmt::join(entry.holders, "; ")));
  }
  if (entry.linked) {
    return Stays(entry, "LINKED",
                 "its file has other names, so no room would come back");
  }
  // Whoever asked for it a moment ago has its path. A time to come, after the
  // clock was set back, tells nothing.
  const int64_t age =
      now_ms - std::max(entry.record.created_ms, entry.record.last_used_ms);
  if (age < policy.min_keep_age.count() && age > -policy.min_keep_age.count()) {
    return Stays(entry, "YOUNG",
                 fmt::format("made or {}, less than {} ago", LastUsed(entry),
                             SpanText(policy.min_keep_age)));
  }
  return std::nullopt;
}

bool IsIdle(const CacheEntry& entry, const CachePolicy& policy, int64_t now_ms,
            int64_t watched_since_ms) {
  return policy.max_idle.count() > 0 &&
         now_ms - std::max(entry.record.last_used_ms, watched_since_ms) >
             policy.max_idle.count();
}

// What is left while one artifact after the other goes.
class Removals {
 public:
  Removals(int64_t artifact_bytes, int64_t free_bytes)
      : left_(artifact_bytes), free_(free_bytes) {}

  int64_t left() const { return left_; }
  int64_t free() const { return free_; }

  void Add(const CacheEntry& entry, std::string reason, std::string detail) {
    left_ -= entry.record.size_bytes;
    free_ += entry.record.size_bytes;
    Verdict verdict = Stays(entry, std::move(reason), std::move(detail));
    verdict.remove = true;
    verdicts_.push_back(std::move(verdict));
  }

  std::vector<Verdict> Take() && { return std::move(verdicts_); }

 private:
  int64_t left_;
  int64_t free_;
  std::vector<Verdict> verdicts_;
};

}  // namespace

CachePolicy Resolved(CachePolicy policy, int64_t total_bytes) {
  // Some file systems tell no size; no share can be taken of that.
  const bool known = total_bytes > 0;
  if (policy.max_bytes == 0) {
    policy.max_bytes =
        known ? std::min(100 * kGigabyte, total_bytes / 5) : 100 * kGigabyte;
  }
  if (policy.min_free_bytes == 0 && known) {
    // A small disk can never have so much free.
    policy.min_free_bytes =
        std::min(std::max(10 * kGigabyte, total_bytes / 10), total_bytes / 4);
  }
  if (!known) {
    // What is free is not known either.
    policy.min_free_bytes = 0;
  }
  return policy;
}

std::vector<Verdict> Judge(std::vector<CacheEntry> entries, int64_t free_bytes,
                           const CachePolicy& policy, int64_t now_ms,
                           int64_t watched_since_ms) {
  std::sort(entries.begin(), entries.end(),
            UsedBefore(now_ms, watched_since_ms));
  int64_t artifact_bytes = 0;
  std::vector<Verdict> kept;
  std::vector<const CacheEntry*> superseded;
  std::vector<const CacheEntry*> idle;
  std::vector<const CacheEntry*> warmed;
  std::vector<const CacheEntry*> others;
  for (const CacheEntry& entry : entries) {
    artifact_bytes += entry.record.size_bytes;
    std::optional<Verdict> exempt = Exempt(entry, policy, now_ms);
    if (exempt.has_value()) {
      kept.push_back(*std::move(exempt));
    } else if (!entry.current) {
      superseded.push_back(&entry);
    } else if (IsIdle(entry, policy, now_ms, watched_since_ms)) {
      idle.push_back(&entry);
    } else {
      (entry.record.warmed ? warmed : others).push_back(&entry);
    }
  }
  Removals removals(artifact_bytes, free_bytes);
  for (const CacheEntry* entry : superseded) {
    removals.Add(*entry, "SUPERSEDED",
                 "its content key leads to another artifact");
  }
  for (const CacheEntry* entry : idle) {
    removals.Add(*entry, "IDLE",
                 fmt::format("{}, more than {} ago", LastUsed(*entry),
                             SpanText(policy.max_idle)));
  }
  // Made ahead of a need that never came.
  others.insert(others.begin(), warmed.begin(), warmed.end());
  // Room for a while, so that not every new artifact costs an old one.
  const int64_t target = removals.left() > policy.max_bytes
                             ? LowWater(policy.max_bytes)
                             : policy.max_bytes;
  for (const CacheEntry* entry : others) {
    if (removals.left() > target) {
      removals.Add(
          *entry, "OVER_CAP",
          fmt::format("{}; {} over {}, 90 % of the cap", LastUsed(*entry),
                      FormatBytes(removals.left() - target),
                      FormatBytes(target)));
    } else if (removals.free() < policy.min_free_bytes) {
      removals.Add(
          *entry, "LOW_SPACE",
          fmt::format("{}; {} less than the {} to keep free", LastUsed(*entry),
                      FormatBytes(policy.min_free_bytes - removals.free()),
                      FormatBytes(policy.min_free_bytes)));
    } else {
      kept.push_back(Stays(*entry, "WITHIN_LIMITS", LastUsed(*entry)));
    }
  }
  std::vector<Verdict> verdicts = std::move(removals).Take();
  verdicts.insert(verdicts.end(), std::make_move_iterator(kept.begin()),
                  std::make_move_iterator(kept.end()));
  return verdicts;
}

}  // namespace bottled
