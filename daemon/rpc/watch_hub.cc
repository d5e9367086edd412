#include "rpc/watch_hub.h"

#include <utility>

#include "rpc/errors.h"

namespace bottled {

WatchHub::WatchHub(int max_watchers, std::chrono::milliseconds interval)
    : max_watchers_(max_watchers),
      interval_(interval),
      thread_([this] { Run(); }) {}

WatchHub::~WatchHub() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::StatusOr<int64_t> WatchHub::Add(const std::string& connection,
                                      std::function<void()> pump) {
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
  auto watcher = std::make_shared<Watcher>();
  watcher->connection = connection;
  watcher->pump = std::move(pump);
  watchers_.emplace(id, std::move(watcher));
  ++count_;
  return id;
}

void WatchHub::Wake(int64_t id) {
  MutexLock lock(mu_);
  const auto watcher = watchers_.find(id);
  if (watcher == watchers_.end()) {
    return;
  }
  watcher->second->started = true;
  if (ready_.empty()) {
    changed_.NotifyAll();
  }
  MakeReady(id, *watcher->second);
}

void WatchHub::MakeReady(int64_t id, Watcher& watcher) {
  if (watcher.started && !watcher.ready) {
    watcher.ready = true;
    ready_.push_back(id);
  }
}

void WatchHub::Remove(int64_t id) {
  MutexLock lock(mu_);
  const auto watcher = watchers_.find(id);
  if (watcher == watchers_.end()) {
    return;
  }
  const auto here = per_connection_.find(watcher->second->connection);
  if (--here->second == 0) {
    per_connection_.erase(here);
  }
  watchers_.erase(watcher);
  --count_;
  while (running_ == id) {
    called_.Wait(mu_);
  }
}

void WatchHub::CallNext() {
  const int64_t id = ready_.front();
  ready_.pop_front();
  const auto it = watchers_.find(id);
  if (it == watchers_.end()) {
    return;
  }
  // Remove() may take it out of the map meanwhile.
  const std::shared_ptr<Watcher> watcher = it->second;
  watcher->ready = false;
  running_ = id;
  mu_.Unlock();
  watcher->pump();
  mu_.Lock();
  running_ = 0;
  if (!watchers_.contains(id)) {
    called_.NotifyAll();
  }
}

void WatchHub::Run() {
  MutexLock lock(mu_);
  auto next = std::chrono::steady_clock::now() + interval_;
  while (!stopping_) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= next) {
      next = now + interval_;
      for (const auto& [id, watcher] : watchers_) {
        MakeReady(id, *watcher);
      }
    } else if (ready_.empty()) {
      changed_.WaitFor(mu_, next - now);
    } else {
      CallNext();
    }
  }
}

}  // namespace bottled
