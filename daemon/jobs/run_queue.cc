#include "jobs/run_queue.h"

#include <algorithm>
#include <utility>

namespace bottled {
namespace {

constexpr std::chrono::seconds kPatience(2);
constexpr std::chrono::minutes kAged(30);
constexpr std::chrono::milliseconds kSoonest(1);
constexpr std::chrono::seconds kLookAtLeast(1);
constexpr int kMaxYields = 2;
constexpr double kMayYieldBelow = 0.5;

bool IsInteractive(const Job& job) {
  return job.job_class() == JobClass::kInteractive;
}

// A job that was promoted begins to wait as an interactive one then.
RunQueue::TimePoint WaitsSince(const RunQueue::Entry& entry) {
  return std::max(entry.since, entry.job->class_since());
}

}  // namespace

void RunQueue::Push(std::shared_ptr<Job> job, Work work, TimePoint now) {
  waiting_.push_back({.job = std::move(job),
                      .work = std::move(work),
                      .since = now,
                      .order = ++last_order_});
}

bool RunQueue::Runnable(const Entry& entry) const {
  return !running_keys_.contains(entry.job->flight_key());
}

int RunQueue::WarmRunning() const {
  return static_cast<int>(std::count_if(
      running_.begin(), running_.end(),
      [](const Running& one) { return !IsInteractive(*one.job); }));
}

RunQueue::Waiting::iterator RunQueue::NextAged(TimePoint now) {
  if (WarmRunning() > 0) {
    return waiting_.end();
  }
  int interactive = 0;
  auto aged = waiting_.end();
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (!Runnable(*it)) {
      continue;
    }
    if (IsInteractive(*it->job)) {
      ++interactive;
    } else if (aged == waiting_.end() && now - it->since >= kAged) {
      aged = it;
    }
  }
  // When nobody waits it is a warm job like any other.
  return interactive > 0 && interactive < max_running_ ? aged : waiting_.end();
}

int64_t RunQueue::Turn(const Job& job, std::string* whose) {
  int64_t first = INT64_MAX;
  for (const std::string& client : job.Clients()) {
    const auto [turn, is_new] = turns_.try_emplace(client, last_turn_ + 1);
    last_turn_ += is_new ? 1 : 0;
    if (turn->second < first) {
      first = turn->second;
      *whose = client;
    }
  }
  return first;
}

RunQueue::Waiting::iterator RunQueue::NextInteractive() {
  auto next = waiting_.end();
  int64_t first = INT64_MAX;
  std::string served;
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (!Runnable(*it) || !IsInteractive(*it->job)) {
      continue;
    }
    std::string whose;
    const int64_t turn = Turn(*it->job, &whose);
    if (next == waiting_.end() || turn < first) {
      next = it;
      first = turn;
      served = std::move(whose);
    }
  }
  if (next != waiting_.end()) {
    turns_[served] = ++last_turn_;
  }
  return next;
}

RunQueue::Waiting::iterator RunQueue::NextWarm() {
  const int most = std::max(1, max_running_ - 1);
  if (WarmRunning() >= most) {
    return waiting_.end();
  }
  return std::find_if(waiting_.begin(), waiting_.end(),
                      [this](const Entry& entry) { return Runnable(entry); });
}

void RunQueue::ForgetIdleClients() {
  std::set<std::string> waiting;
  for (const Entry& entry : waiting_) {
    waiting.merge(entry.job->Clients());
  }
  std::erase_if(turns_, [&waiting](const auto& turn) {
    return !waiting.contains(turn.first);
  });
}

std::optional<RunQueue::Entry> RunQueue::Start(TimePoint now) {
  if (waiting_.empty() || static_cast<int>(running_.size()) >= max_running_) {
    return std::nullopt;
  }
  auto next = NextAged(now);
  const bool aged = next != waiting_.end();
  if (!aged) {
    next = NextInteractive();
  }
  if (next == waiting_.end()) {
    next = NextWarm();
  }
  if (next == waiting_.end()) {
    return std::nullopt;
  }
  Entry entry = std::move(*next);
  waiting_.erase(next);
  ForgetIdleClients();
  running_keys_.insert(entry.job->flight_key());
  running_.push_back(
      {.job = entry.job, .yields = entry.yields, .spared = aged});
  return entry;
}

void RunQueue::End(const Job& job) {
  running_keys_.erase(job.flight_key());
  std::erase_if(running_,
                [&job](const Running& one) { return one.job.get() == &job; });
}

void RunQueue::Yield(Entry entry, TimePoint now) {
  End(*entry.job);
  ++entry.yields;
  entry.since = now;
  const auto place = std::find_if(
      waiting_.begin(), waiting_.end(),
      [&](const Entry& other) { return other.order > entry.order; });
  waiting_.insert(place, std::move(entry));
}

std::optional<RunQueue::Entry> RunQueue::Remove(const Job& job) {
  const auto it =
      std::find_if(waiting_.begin(), waiting_.end(),
                   [&job](const Entry& one) { return one.job.get() == &job; });
  if (it == waiting_.end()) {
    return std::nullopt;
  }
  Entry entry = std::move(*it);
  waiting_.erase(it);
  return entry;
}

std::deque<RunQueue::Entry> RunQueue::Clear() {
  std::deque<Entry> all;
  for (Entry& entry : waiting_) {
    all.push_back(std::move(entry));
  }
  waiting_.clear();
  return all;
}

std::vector<std::shared_ptr<Job>> RunQueue::Victims(TimePoint now) {
  std::vector<std::shared_ptr<Job>> victims;
  if (static_cast<int>(running_.size()) < max_running_) {
    return victims;
  }
  auto wanted =
      std::count_if(waiting_.begin(), waiting_.end(), [&](const Entry& entry) {
        return Runnable(entry) && IsInteractive(*entry.job) &&
               now - WaitsSince(entry) > kPatience;
      });
  wanted -= std::count_if(running_.begin(), running_.end(),
                          [](const Running& one) { return one.yielding; });
  // Jobs are in the order of their start.
  for (auto it = running_.rbegin(); it != running_.rend() && wanted > 0; ++it) {
    if (!it->spared && !it->yielding && it->yields < kMaxYields &&
        !IsInteractive(*it->job) && it->job->state() == JobState::kRunning &&
        it->job->ShareDone() < kMayYieldBelow) {
      it->yielding = true;
      victims.push_back(it->job);
      --wanted;
    }
  }
  return victims;
}

std::optional<RunQueue::TimePoint> RunQueue::LookAgain(TimePoint now) const {
  std::optional<TimePoint> again;
  if (WarmRunning() == 0) {
    return again;
  }
  for (const Entry& entry : waiting_) {
    if (IsInteractive(*entry.job)) {
      // Once it is overdue the running jobs are what changes.
      const TimePoint overdue = WaitsSince(entry) + kPatience;
      const TimePoint at =
          overdue >= now ? overdue + kSoonest : now + kLookAtLeast;
      again = again.has_value() ? std::min(*again, at) : at;
    }
  }
  return again;
}

int RunQueue::WaitingOf(const std::string& client) const {
  return static_cast<int>(std::count_if(
      waiting_.begin(), waiting_.end(), [&client](const Entry& entry) {
        return entry.job->Clients().contains(client);
      }));
}

}  // namespace bottled
