// This file was never compiled, as no macOS machine was at hand.

#include <launch.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/activation.h"
#include "platform/adopt_listener.h"

namespace bottled {

absl::StatusOr<std::vector<Fd>> TakeActivatedSockets() {
  std::vector<Fd> sockets;
  int* fds = nullptr;
  size_t count = 0;
  const int error = ::launch_activate_socket("Listener", &fds, &count);
  // launch_activate_socket(3): ESRCH when launchd did not start us, ENOENT when
  // the job has no such socket.
  if (error == ESRCH || error == ENOENT) {
    return sockets;
  }
  if (error != 0) {
    return ErrnoError(error, "launch_activate_socket");
  }
  const std::unique_ptr<int, decltype(&std::free)> owner(fds, &std::free);
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(Fd fd, AdoptListener(fds[i]));
    sockets.push_back(std::move(fd));
  }
  return sockets;
}

}  // namespace bottled
