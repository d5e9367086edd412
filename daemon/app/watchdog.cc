#include "app/watchdog.h"

#include <charconv>
#include <string>
#include <utility>

#include "platform/notify.h"

namespace bottled {

Watchdog::Watchdog(const GetEnv& env, std::function<bool()> healthy)
    : healthy_(std::move(healthy)) {
  const std::optional<std::string> text = env("WATCHDOG_USEC");
  int64_t usec = 0;
  if (!text.has_value() ||
      std::from_chars(text->data(), text->data() + text->size(), usec).ec !=
          std::errc() ||
      usec <= 0) {
    return;
  }
  thread_.emplace([this, usec] { Run(std::chrono::microseconds(usec / 2)); });
}

Watchdog::~Watchdog() {
  if (!thread_.has_value()) {
    return;
  }
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_->join();
}

void Watchdog::Run(std::chrono::microseconds interval) {
  while (true) {
    if (healthy_()) {
      NotifyServiceManager("WATCHDOG=1");
    }
    MutexLock lock(mu_);
    if (!stopping_) {
      changed_.WaitFor(mu_, interval);
    }
    if (stopping_) {
      return;
    }
  }
}

}  // namespace bottled
