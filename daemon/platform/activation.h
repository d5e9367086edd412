// Listening sockets that a service manager opened for us.
//
// systemd: sd_listen_fds(3), read by hand to need no library. launchd:
// launch_activate_socket(3), socket name "Listener"; that file was never
// compiled, as no macOS machine was at hand.

#ifndef BOTTLED_PLATFORM_ACTIVATION_H_
#define BOTTLED_PLATFORM_ACTIVATION_H_

#include <vector>

#include "absl/status/statusor.h"
#include "platform/fd.h"

namespace bottled {

// Takes over the inherited listening sockets; empty when there are none. Sets
// close-on-exec and non-blocking, and removes LISTEN_* from the environment so
// that children do not inherit the claim. Call once, before threads start.
// A descriptor that is not a listening Unix stream socket is an error.
absl::StatusOr<std::vector<Fd>> TakeActivatedSockets();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_ACTIVATION_H_
