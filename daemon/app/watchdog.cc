#include "app/watchdog.h"

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "platform/notify.h"

namespace bottled {

Watchdog::Watchdog(const GetEnv& env, std::function<bool()> healthy) {
  const std::optional<std::string> text = env("WATCHDOG_USEC");
  int64_t usec = 0;
  if (!text.has_value() ||
      std::from_chars(text->data(), text->data() + text->size(), usec).ec !=
          std::errc() ||
      usec <= 0) {
    return;
  }
  calls_ = std::make_unique<Periodic>(
      std::chrono::milliseconds(usec / 2000),
      [healthy = std::move(healthy)](const CancelToken&) {
        if (healthy()) {
          NotifyServiceManager("WATCHDOG=1");
        }
      });
}

}  // namespace bottled
