// RunQueue: which waiting job starts next, and which running one has to yield.
// The rules alone: no thread, no lock, no clock of its own, so that tests can
// live through a day in a second.
//
// Who starts, when a slot is free:
// 1. Before interactive jobs, a warm one that waits since 30 minutes, when no
//    other warm one runs and fewer jobs are interactive and wait than there are
//    slots. It does not yield.
// 2. An interactive job: clients take turns, first come first served within
//    each. A job that several clients wait for has its turn with the first.
// 3. A warm job, first come first served, when another slot stays free of warm
//    ones (or there is only one slot).
// Who yields: when an interactive job waits since more than two seconds, the
// youngest warm job that is less than half done and does not publish; each job
// at most twice, then it finishes.
//
// A job's class and callers are looked up when they matter, since others may
// join or leave it at any time.

#ifndef BOTTLED_JOBS_RUN_QUEUE_H_
#define BOTTLED_JOBS_RUN_QUEUE_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "jobs/job.h"

namespace bottled {

// Not thread-safe.
class RunQueue {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Work = absl::AnyInvocable<absl::StatusOr<ArtifactRecord>(Job& job)>;

  struct Entry {
    std::shared_ptr<Job> job;
    Work work;
    // When it began to wait, this time.
    TimePoint since;
    // Its place among those that came before and after; kept when it yields.
    int64_t order = 0;
    int yields = 0;
  };

  explicit RunQueue(int max_running) : max_running_(max_running) {}

  // A job begins to wait.
  void Push(std::shared_ptr<Job> job, Work work, TimePoint now);
  // The entry that takes a free slot now, if one may. It counts as running
  // until End() or Yield(). Of one flight key only one runs at a time.
  std::optional<Entry> Start(TimePoint now);
  // A running job's slot is free again.
  void End(const Job& job);
  // The same for one that yielded: it waits at its old place.
  void Yield(Entry entry, TimePoint now);
  // Takes a waiting job out. Nothing when it does not wait.
  std::optional<Entry> Remove(const Job& job);
  // Takes all out.
  std::deque<Entry> Clear();

  // Running warm jobs that shall yield now, each reported once per run. To be
  // asked again after a change, and at LookAgain().
  std::vector<std::shared_ptr<Job>> Victims(TimePoint now);
  // When time alone may change an answer above; nothing when it cannot.
  std::optional<TimePoint> LookAgain(TimePoint now) const;

  size_t size() const { return waiting_.size(); }
  // How many waiting jobs this client has asked for.
  int WaitingOf(const std::string& client) const;

 private:
  struct Running {
    std::shared_ptr<Job> job;
    int yields = 0;
    // The aged one may not be asked to yield.
    bool spared = false;
    // It was asked.
    bool yielding = false;
  };
  using Waiting = std::list<Entry>;

  bool Runnable(const Entry& entry) const;
  int WarmRunning() const;
  Waiting::iterator NextAged(TimePoint now);
  Waiting::iterator NextInteractive();
  Waiting::iterator NextWarm();
  // The client whose turn comes first among those who wait for a job, and when.
  int64_t Turn(const Job& job, std::string* whose);
  void ForgetIdleClients();

  const int max_running_;
  int64_t last_order_ = 0;
  int64_t last_turn_ = 0;
  // By `order`.
  Waiting waiting_;
  std::list<Running> running_;
  std::set<std::string> running_keys_;
  // When each client that waits had its last turn, or came.
  std::map<std::string, int64_t> turns_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_RUN_QUEUE_H_
