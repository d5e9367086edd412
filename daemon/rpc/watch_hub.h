// WatchHub: the open watches, and the thread that writes to them. It counts
// them against limits, in all and per connection (whose other calls must find a
// free stream), and calls each that has something to send, and all of them once
// a second so that they can send heartbeats.
//
// One thread does it for all, one after the other: a job's step that very many
// watch does not take every processor from other calls, and a watcher whose
// turn comes late gets the newest progress only.

#ifndef BOTTLED_RPC_WATCH_HUB_H_
#define BOTTLED_RPC_WATCH_HUB_H_

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace bottled {

// Thread-safe.
class WatchHub {
 public:
  // Half of the streams that server.cc allows a connection.
  static constexpr int kMaxPerConnection = 512;
  // A watcher that takes nothing for so long is dropped.
  static constexpr std::chrono::seconds kMaxWriteTime{30};

  explicit WatchHub(int max_watchers, std::chrono::milliseconds interval =
                                          std::chrono::seconds(1));
  ~WatchHub();

  // Registers a watcher. From the first Wake() until Remove() returns `pump` is
  // called about once an interval, and soon after each Wake(); never twice at
  // the same time. It must not block. `connection` is ServerContext::peer().
  // Reason TOO_MANY_WATCHERS.
  absl::StatusOr<int64_t> Add(const std::string& connection,
                              std::function<void()> pump);
  // Several before the call are one. Nothing for an unknown ID.
  void Wake(int64_t id);
  // Waits for a call that is under way. Not to be called from one.
  void Remove(int64_t id);

  // Those that are registered. Does not wait for anything.
  int count() const { return count_; }

 private:
  struct Watcher {
    std::string connection;
    std::function<void()> pump;
    bool started = false;
    // It is in ready_.
    bool ready = false;
  };

  void Run();
  void MakeReady(int64_t id, Watcher& watcher)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Calls the first of ready_, without the lock.
  void CallNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const int max_watchers_;
  const std::chrono::milliseconds interval_;

  Mutex mu_;
  CondVar changed_;
  // Somebody waits for the end of a call.
  CondVar called_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<int64_t, std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int> per_connection_ ABSL_GUARDED_BY(mu_);
  // The size of watchers_.
  std::atomic<int> count_ = 0;
  // IDs in the order of their turn; some may be gone.
  std::deque<int64_t> ready_ ABSL_GUARDED_BY(mu_);
  // Being called; 0 = nobody.
  int64_t running_ ABSL_GUARDED_BY(mu_) = 0;

  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_WATCH_HUB_H_
