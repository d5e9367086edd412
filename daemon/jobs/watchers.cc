#include "jobs/watchers.h"

#include <utility>

namespace bottled {

Watchers::~Watchers() { Set({}); }

void Watchers::Set(std::map<std::string, Loop> wanted) {
  MutexLock lock(mu_);
  for (auto& [key, watcher] : running_) {
    if (!wanted.contains(key)) {
      watcher.stop.Cancel();
    }
  }
  // Only now, so that they end together.
  for (auto it = running_.begin(); it != running_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    it->second.thread.join();
    it = running_.erase(it);
  }
  for (auto& [key, loop] : wanted) {
    if (!running_.contains(key)) {
      Watcher& watcher = running_[key];
      watcher.thread =
          std::thread([run = std::move(loop), token = watcher.stop.token()] {
            run(token);
          });
    }
  }
}

}  // namespace bottled
