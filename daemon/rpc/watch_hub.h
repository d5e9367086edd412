// WatchHub: the open WatchJob streams. It counts them against a limit and
// wakes them once a second so that they can send heartbeats.

#ifndef BOTTLED_RPC_WATCH_HUB_H_
#define BOTTLED_RPC_WATCH_HUB_H_

#include <functional>
#include <map>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace bottled {

// Thread-safe.
class WatchHub {
 public:
  explicit WatchHub(int max_watchers);
  ~WatchHub();

  // Registers a watcher; `tick` is called about once a second until Remove()
  // returns, and must not block. Reason TOO_MANY_WATCHERS.
  absl::StatusOr<int64_t> Add(std::function<void()> tick);
  // Waits for a tick that is running. Not to be called from a tick.
  void Remove(int64_t id);

 private:
  void Run();

  const int max_watchers_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<int64_t, std::function<void()>> ticks_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_WATCH_HUB_H_
