// Watchdog: tells systemd at half the asked interval that the daemon can still
// do its work, so that a stuck index leads to a restart.

#ifndef BOTTLED_APP_WATCHDOG_H_
#define BOTTLED_APP_WATCHDOG_H_

#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "platform/places.h"

namespace bottled {

class Watchdog {
 public:
  // Does nothing unless WATCHDOG_USEC is set (sd_watchdog_enabled(3)).
  // `healthy` is called in the watchdog's thread and may block.
  Watchdog(const GetEnv& env, std::function<bool()> healthy);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Run(std::chrono::microseconds interval);

  const std::function<bool()> healthy_;
  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<std::thread> thread_;
};

}  // namespace bottled

#endif  // BOTTLED_APP_WATCHDOG_H_
