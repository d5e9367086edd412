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

absl::StatusOr<int64_t> WatchHub::Add(std::function<void()> tick) {
  MutexLock lock(mu_);
  if (static_cast<int>(ticks_.size()) >= max_watchers_) {
    return TooManyWatchers(max_watchers_);
  }
  const int64_t id = next_id_++;
  ticks_.emplace(id, std::move(tick));
  return id;
}

void WatchHub::Remove(int64_t id) {
  MutexLock lock(mu_);
  ticks_.erase(id);
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
    for (const auto& [id, tick] : ticks_) {
      tick();
    }
  }
}

}  // namespace bottled
