#include "jobs/warm_table.h"

#include <algorithm>
#include <string_view>

#include "image/reference.h"
#include "jobs/errors.h"
#include "jobs/warm_spec.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;

// One spelling; empty when it is no reference.
std::string Spelled(const std::string& text) {
  const absl::StatusOr<Reference> reference = ParseNormalizedReference(text);
  return reference.ok() ? reference->Familiar() : std::string();
}

bool TakesAway(std::string_view action) {
  return action.empty() || action == "untag" || action == "delete" ||
         action == "remove" || action == "prune";
}

bool Concerns(const ImageEvent& event, const WarmEntry& entry) {
  switch (entry.row.kind) {
    case WarmKind::kAgent:
      // Which image that is only its manifest says.
      return true;
    case WarmKind::kBuild:
      // It depends on its files, but also on what was built still being there.
      return TakesAway(event.action);
    case WarmKind::kImage:
      break;
  }
  const std::string about = Spelled(event.reference);
  const std::string own = Spelled(entry.row.name);
  return about.empty() || own.empty() || about == own;
}

milliseconds Backoff(const WarmTimes& times, int64_t failures) {
  milliseconds pause = times.first_retry;
  for (int64_t i = 1; i < failures && pause < times.last_retry; ++i) {
    pause *= 2;
  }
  return std::min(pause, times.last_retry);
}

bool IsOf(const WarmEntry& entry, const EngineEndpoint& engine) {
  return entry.spec.ok() && entry.spec->engine.ok() &&
         *entry.spec->engine == engine;
}

bool Runs(const WarmEntry& entry) {
  return !entry.busy && entry.job == nullptr && entry.row.paused.empty();
}

}  // namespace

WarmStatus WarmEntry::status() const {
  if (!row.paused.empty()) {
    return WarmStatus::kPaused;
  }
  if (job != nullptr) {
    return WarmStatus::kWarming;
  }
  if (!waiting.empty()) {
    return WarmStatus::kWaiting;
  }
  if (!row.failure_json.empty()) {
    return WarmStatus::kFailed;
  }
  return touched || busy || row.artifact.empty() ? WarmStatus::kPending
                                                 : WarmStatus::kReady;
}

WarmEntry& WarmTable::Put(const WarmTarget& row, Time now) {
  WarmEntry& entry = entries_[row.id];
  entry.row = row;
  entry.spec = DecodeWarmSpec(row.spec);
  Touch(entry, now);
  return entry;
}

WarmEntry* WarmTable::Find(const std::string& id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

absl::StatusOr<WarmEntry*> WarmTable::FindNamed(const std::string& name) {
  if (WarmEntry* entry = Find(name)) {
    return entry;
  }
  WarmEntry* found = nullptr;
  for (auto& [id, entry] : entries_) {
    if (entry.row.name == name) {
      if (found != nullptr) {
        return WarmTargetAmbiguous(name);
      }
      found = &entry;
    }
  }
  if (found == nullptr) {
    return WarmTargetNotFound(name);
  }
  return found;
}

void WarmTable::Touch(WarmEntry& entry, Time now) const {
  if (!entry.touched) {
    entry.touched = true;
    entry.first_touch = now;
  }
  entry.due =
      std::min(now + times_.settle, entry.first_touch + times_.longest_settle);
}

void WarmTable::TouchEngine(const EngineEndpoint& engine, Time now) {
  for (auto& [id, entry] : entries_) {
    if (IsOf(entry, engine)) {
      Touch(entry, now);
    }
  }
}

void WarmTable::TouchEngine(const EngineEndpoint& engine,
                            const std::vector<ImageEvent>& events, Time now) {
  for (auto& [id, entry] : entries_) {
    if (IsOf(entry, engine) &&
        std::any_of(events.begin(), events.end(),
                    [&target = entry](const ImageEvent& event) {
                      return Concerns(event, target);
                    })) {
      Touch(entry, now);
    }
  }
}

WarmEntry* WarmTable::TakeDue(Time now) {
  WarmEntry* first = nullptr;
  for (auto& [id, entry] : entries_) {
    if (Runs(entry) && entry.due.has_value() && *entry.due <= now &&
        (first == nullptr || *entry.due < *first->due)) {
      first = &entry;
    }
  }
  if (first != nullptr) {
    BeginLook(*first);
  }
  return first;
}

std::optional<WarmTable::Time> WarmTable::NextDue() const {
  std::optional<Time> next;
  for (const auto& [id, entry] : entries_) {
    if (Runs(entry) && entry.due.has_value() &&
        (!next.has_value() || *entry.due < *next)) {
      next = entry.due;
    }
  }
  return next;
}

void WarmTable::BeginLook(WarmEntry& entry) const {
  entry.busy = true;
  entry.touched = false;
  entry.due.reset();
}

void WarmTable::EndLook(WarmEntry& entry, Time now) const {
  entry.busy = false;
  if (entry.touched) {
    return;
  }
  entry.due.reset();
  if (!entry.waiting.empty()) {
    entry.due = now + times_.wait;
  } else if (!entry.row.failure_json.empty()) {
    entry.due = now + Backoff(times_, entry.row.failure_count);
  } else if (times_.interval.count() > 0) {
    entry.due = now + times_.interval;
  }
}

}  // namespace bottled
