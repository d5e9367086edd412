// sd_notify(3) without the library: tells a service manager what state we are
// in. Does nothing when NOTIFY_SOCKET is not set.

#ifndef BOTTLED_PLATFORM_NOTIFY_H_
#define BOTTLED_PLATFORM_NOTIFY_H_

#include <string_view>

namespace bottled {

// Sends for example "READY=1\nSTATUS=serving". Errors are ignored: the manager
// notices a missing READY by itself. Thread-safe, never blocks for long.
void NotifyServiceManager(std::string_view state);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_NOTIFY_H_
