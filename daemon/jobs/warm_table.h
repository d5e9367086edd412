// WarmTable: the warm targets in memory: what is to be looked at, and when.
//
// A target is touched when something may have changed. It is due a little
// later, so that a burst of changes is one look, and it is due again after the
// interval, after a failure, and when the machine may have better conditions.
// Pure but for its caller's clock; not thread-safe.

#ifndef BOTTLED_JOBS_WARM_TABLE_H_
#define BOTTLED_JOBS_WARM_TABLE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/events.h"
#include "jobs/job.h"
#include "jobs/prepare_service.h"
#include "jobs/warm_triggers.h"
#include "store/records.h"

namespace bottled {

inline constexpr size_t kMaxWarmTargets = 256;
// So many artifacts in a row that nobody asked for, and a target is paused.
inline constexpr int64_t kMaxUnusedWarms = 3;

struct WarmTimes {
  // From a change to the look, and at most, while changes go on.
  std::chrono::milliseconds settle{500};
  std::chrono::milliseconds longest_settle{5'000};
  // Between two looks without a cause. 0: none.
  std::chrono::milliseconds interval{15 * 60'000};
  // After a failure, growing from the first to the second.
  std::chrono::milliseconds first_retry{30'000};
  std::chrono::milliseconds last_retry{60 * 60'000};
  // When the machine was busy.
  std::chrono::milliseconds wait{30'000};
};

enum class WarmStatus {
  kPending,
  kWarming,
  kReady,
  kFailed,
  kWaiting,
  kPaused,
};

struct WarmEntry {
  using Time = std::chrono::steady_clock::time_point;

  WarmTarget row;
  // As DecodeWarmSpec() gives it; its error when the row is of another release.
  absl::StatusOr<PrepareSpec> spec = PrepareSpec();
  // Somebody looks at it right now.
  bool busy = false;
  // Touched, and not looked at since.
  bool touched = false;
  Time first_touch;
  // Nullopt: not by itself.
  std::optional<Time> due;
  // Why it waits for the machine; empty = it does not.
  std::string waiting;
  std::shared_ptr<Job> job;
  std::string interest_id;
  // What is watched for it, by keys that change with what is watched.
  std::map<std::string, std::function<absl::StatusOr<WatchedTree>()>> trees;
  // By tree: why its changes are not seen.
  std::map<std::string, std::string> blind;

  WarmStatus status() const;
};

class WarmTable {
 public:
  using Time = WarmEntry::Time;

  explicit WarmTable(const WarmTimes& times) : times_(times) {}

  // Inserts or replaces the row and spec of one, touched.
  WarmEntry& Put(const WarmTarget& row, Time now);
  void Erase(const std::string& id) { entries_.erase(id); }
  // Null when there is none.
  WarmEntry* Find(const std::string& id);
  // By ID or by a name that is only one's. Reasons WARM_TARGET_NOT_FOUND,
  // WARM_TARGET_AMBIGUOUS.
  absl::StatusOr<WarmEntry*> FindNamed(const std::string& name);
  std::map<std::string, WarmEntry>& entries() { return entries_; }

  // Something may have changed.
  void Touch(WarmEntry& entry, Time now) const;
  // All targets of this engine.
  void TouchEngine(const EngineEndpoint& engine, Time now);
  // Those that the events can be about.
  void TouchEngine(const EngineEndpoint& engine,
                   const std::vector<ImageEvent>& events, Time now);

  // One that is due, made busy and no longer touched; null when none is.
  WarmEntry* TakeDue(Time now);
  // When the next one is due.
  std::optional<Time> NextDue() const;

  // It is looked at from now on, and not touched any more.
  void BeginLook(WarmEntry& entry) const;
  // The look is over; when it is to be looked at again follows from how it
  // ended, unless it was touched meanwhile.
  void EndLook(WarmEntry& entry, Time now) const;

 private:
  const WarmTimes times_;
  std::map<std::string, WarmEntry> entries_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_WARM_TABLE_H_
