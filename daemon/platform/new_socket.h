// Making a Unix socket and its address, for unix_socket.cc and notify.cc.

#ifndef BOTTLED_PLATFORM_NEW_SOCKET_H_
#define BOTTLED_PLATFORM_NEW_SOCKET_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <string_view>

#include "platform/fd.h"

namespace bottled {

// socket(AF_UNIX, `type`) with close-on-exec; invalid, with errno set, on
// failure. Thread-safe.
Fd NewUnixSocket(int type);

struct UnixAddress {
  sockaddr_un address = {};
  socklen_t length = 0;

  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&address);
  }
};

// nullopt when `path` is empty or longer than the system allows. A leading NUL
// makes an abstract name (Linux, unix(7)).
std::optional<UnixAddress> MakeUnixAddress(std::string_view path);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_NEW_SOCKET_H_
