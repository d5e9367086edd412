#include "rpc/watch_hub.h"

#include <chrono>
#include <utility>

#include "rpc/errors.h"

namespace bottled {

WatchHub::WatchHub(int max_watchers)
    : max_watchers_(max_watchers), thread_([this] { Run(); }) {}

WatchHub::~WatchHub() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::StatusOr<int64_t> WatchHub::Add(const std::string& connection,
                                      std::function<void()> tick) {
  MutexLock lock(mu_);
  if (static_cast<int>(watchers_.size()) >= max_watchers_) {
    return TooManyWatchers(max_watchers_, "");
  }
  int& here = per_connection_[connection];
  if (here >= kMaxPerConnection) {
    return TooManyWatchers(kMaxPerConnection, " on this connection");
  }
  ++here;
  const int64_t id = next_id_++;
  watchers_.emplace(id,
                    Watcher{.connection = connection, .tick = std::move(tick)});
  return id;
}

void WatchHub::Remove(int64_t id) {
  MutexLock lock(mu_);
  const auto watcher = watchers_.find(id);
  if (watcher == watchers_.end()) {
    return;
  }
  const auto here = per_connection_.find(watcher->second.connection);
  if (--here->second == 0) {
    per_connection_.erase(here);
  }
  watchers_.erase(watcher);
}

void WatchHub::Run() {
  MutexLock lock(mu_);
  auto next = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (!stopping_) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next) {
      changed_.WaitFor(mu_, next - now);
      continue;
    }
    next = now + std::chrono::seconds(1);
    // Under the lock, so that Remove() is a barrier.
    for (const auto& [id, watcher] : watchers_) {
      watcher.tick();
    }
  }
}

}  // namespace bottled
