#include "platform/notify.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cstdlib>
#include <string>

#include "platform/new_socket.h"

namespace bottled {

void NotifyServiceManager(std::string_view state) {
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  if (variable == nullptr) {
    return;
  }
  std::string path = variable;
  if (path.empty() || (path.front() != '/' && path.front() != '@')) {
    return;
  }
  if (path.front() == '@') {
    path.front() = '\0';
  }
  const auto address = MakeUnixAddress(path);
  const Fd fd = NewUnixSocket(SOCK_DGRAM);
  if (!address.has_value() || !fd.valid()) {
    return;
  }
  // A manager that does not read must not hold us up.
  const timeval limit = {.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  [[maybe_unused]] const ssize_t sent = ::sendto(
      fd.get(), state.data(), state.size(), 0, address->get(), address->length);
}

}  // namespace bottled
