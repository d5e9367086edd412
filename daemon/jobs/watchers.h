// Watchers: a thread for each thing that is watched, started and stopped as the
// set of things changes.

#ifndef BOTTLED_JOBS_WATCHERS_H_
#define BOTTLED_JOBS_WATCHERS_H_

#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/cancel.h"
#include "base/mutex.h"

namespace bottled {

// Thread-safe.
class Watchers {
 public:
  // Runs until its token is cancelled, and returns soon then.
  using Loop = std::function<void(const CancelToken& cancel)>;

  Watchers() = default;
  // Stops all, and waits for them.
  ~Watchers();
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  // Stops those whose key is not in `wanted`, waits for them, and starts those
  // that do not run. Not to be called from a loop.
  void Set(std::map<std::string, Loop> wanted);

 private:
  struct Watcher {
    CancelSource stop;
    std::thread thread;
  };

  Mutex mu_;
  std::map<std::string, Watcher> running_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_WATCHERS_H_
