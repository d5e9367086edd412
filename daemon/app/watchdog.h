// Watchdog: tells systemd at half the asked interval that the daemon can still
// do its work, so that a stuck index leads to a restart.

#ifndef BOTTLED_APP_WATCHDOG_H_
#define BOTTLED_APP_WATCHDOG_H_

#include <functional>
#include <memory>

#include "app/periodic.h"
#include "platform/places.h"

namespace bottled {

class Watchdog {
 public:
  // Does nothing unless WATCHDOG_USEC is set (sd_watchdog_enabled(3)).
  // `healthy` is called in a thread of its own and may block.
  Watchdog(const GetEnv& env, std::function<bool()> healthy);

 private:
  std::unique_ptr<Periodic> calls_;
};

}  // namespace bottled

#endif  // BOTTLED_APP_WATCHDOG_H_
