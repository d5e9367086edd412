// WatchHub: the open watches. It counts them against limits, in all and per
// connection (whose other calls must find a free stream), and
// wakes them once a second so that they can send heartbeats.

#ifndef BOTTLED_RPC_WATCH_HUB_H_
#define BOTTLED_RPC_WATCH_HUB_H_

#include <chrono>
#include <functional>
#include <map>
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

  explicit WatchHub(int max_watchers);
  ~WatchHub();

  // Registers a watcher; `tick` is called about once a second until Remove()
  // returns, and must not block. `connection` is ServerContext::peer(). Reason
  // TOO_MANY_WATCHERS.
  absl::StatusOr<int64_t> Add(const std::string& connection,
                              std::function<void()> tick);
  // Waits for a tick that is running. Not to be called from a tick.
  void Remove(int64_t id);

 private:
  void Run();

  const int max_watchers_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  struct Watcher {
    std::string connection;
    std::function<void()> tick;
  };
  std::map<int64_t, Watcher> watchers_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int> per_connection_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_WATCH_HUB_H_
