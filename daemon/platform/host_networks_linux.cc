#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/fd.h"
#include "platform/host_networks.h"

namespace bottled {
namespace {

constexpr size_t kMaxRoutes = 100'000;
// The kernel fills at most 32 KiB per message of a dump (net/netlink/
// af_netlink.c).
constexpr size_t kBufferBytes = 64 << 10;
constexpr int kMaxPieces = 10'000;
constexpr int kTries = 3;

absl::Status Malformed() {
  return ErrnoError(EBADMSG, "reading the kernel's routes");
}

absl::Status SystemError(const char* what) {
  const int error = errno;
  return ErrnoError(error, what);
}

// Reads a T at `bytes`; messages may be misaligned in tests.
template <typename T>
T Load(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

// `length` rounded up to the alignment of messages and attributes, or all that
// is left.
size_t Advance(size_t length, size_t left) {
  return std::min((length + 3) & ~size_t{3}, left);
}

absl::Status ParseRoute(std::string_view body, std::vector<HostNetwork>& out) {
  if (body.size() < sizeof(rtmsg)) {
    return Malformed();
  }
  const auto route = Load<rtmsg>(body);
  const bool counts = route.rtm_family == AF_INET &&
                      route.rtm_dst_len >= kShortestRoutePrefix &&
                      route.rtm_type != RTN_LOCAL &&
                      route.rtm_type != RTN_BROADCAST &&
                      route.rtm_type != RTN_MULTICAST;
  if (!counts) {
    return absl::OkStatus();
  }
  if (route.rtm_dst_len > 32) {
    return Malformed();
  }
  body.remove_prefix(Advance(sizeof(rtmsg), body.size()));
  while (body.size() >= sizeof(rtattr)) {
    const auto attribute = Load<rtattr>(body);
    if (attribute.rta_len < sizeof(rtattr) || attribute.rta_len > body.size()) {
      return Malformed();
    }
    if (attribute.rta_type == RTA_DST) {
      if (attribute.rta_len < sizeof(rtattr) + sizeof(uint32_t)) {
        return Malformed();
      }
      out.push_back(
          {.address = ntohl(Load<uint32_t>(body.substr(sizeof(rtattr)))),
           .prefix = route.rtm_dst_len,
           .what = "route"});
      return absl::OkStatus();
    }
    body.remove_prefix(Advance(attribute.rta_len, body.size()));
  }
  return absl::OkStatus();
}

absl::Status Ask(const Fd& fd) {
  struct {
    nlmsghdr header;
    rtmsg route;
  } request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = 1;
  request.route.rtm_family = AF_INET;
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent =
      ::sendto(fd.get(), &request, sizeof(request), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel));
  return sent == static_cast<ssize_t>(sizeof(request))
             ? absl::OkStatus()
             : SystemError("asking the kernel for its routes");
}

// One datagram from the kernel into `buffer`.
absl::StatusOr<std::string_view> Receive(const Fd& fd,
                                         std::vector<char>& buffer) {
  while (true) {
    sockaddr_nl sender = {};
    iovec part = {buffer.data(), buffer.size()};
    msghdr message = {};
    message.msg_name = &sender;
    message.msg_namelen = sizeof(sender);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t got = ::recvmsg(fd.get(), &message, MSG_CMSG_CLOEXEC);
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return SystemError("reading the kernel's routes");
    }
    if (got == 0 || (message.msg_flags & MSG_TRUNC) != 0) {
      return Malformed();
    }
    // Other processes may send to our port, too.
    if (sender.nl_pid == 0) {
      return std::string_view(buffer.data(), static_cast<size_t>(got));
    }
  }
}

absl::StatusOr<RouteDump> Dump(std::vector<HostNetwork>& out) {
  // A socket of its own per dump: an abandoned one leaves no answers behind.
  const Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) {
    return SystemError("opening a netlink socket");
  }
  const timeval limit = {.tv_sec = 1, .tv_usec = 0};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) !=
      0) {
    return SystemError("setting up a netlink socket");
  }
  RETURN_IF_ERROR(Ask(fd));
  std::vector<char> buffer(kBufferBytes);
  RouteDump total;
  for (int piece = 0; piece < kMaxPieces; ++piece) {
    ASSIGN_OR_RETURN(const std::string_view bytes, Receive(fd, buffer));
    ASSIGN_OR_RETURN(const RouteDump result, ParseRouteDump(bytes, out));
    if (out.size() > kMaxRoutes) {
      return ErrnoError(EOVERFLOW, "reading the kernel's routes");
    }
    total.inconsistent = total.inconsistent || result.inconsistent;
    if (result.done) {
      total.done = true;
      return total;
    }
  }
  return Malformed();
}

}  // namespace

absl::StatusOr<RouteDump> ParseRouteDump(std::string_view bytes,
                                         std::vector<HostNetwork>& out) {
  RouteDump result;
  while (!bytes.empty()) {
    if (bytes.size() < sizeof(nlmsghdr)) {
      return Malformed();
    }
    const auto header = Load<nlmsghdr>(bytes);
    if (header.nlmsg_len < sizeof(nlmsghdr) ||
        header.nlmsg_len > bytes.size()) {
      return Malformed();
    }
    const std::string_view body =
        bytes.substr(sizeof(nlmsghdr), header.nlmsg_len - sizeof(nlmsghdr));
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
      result.inconsistent = true;
    }
    switch (header.nlmsg_type) {
      case NLMSG_DONE:
        result.done = true;
        return result;
      case NLMSG_ERROR: {
        const int error = body.size() < sizeof(int) ? 0 : Load<int>(body);
        // 0 would be an acknowledgement, which was not asked for.
        return error < 0 ? ErrnoError(-error, "reading the kernel's routes")
                         : Malformed();
      }
      case RTM_NEWROUTE:
        RETURN_IF_ERROR(ParseRoute(body, out));
        break;
      default:
        break;
    }
    bytes.remove_prefix(Advance(header.nlmsg_len, bytes.size()));
  }
  return result;
}

absl::Status AppendRoutes(std::vector<HostNetwork>& out) {
  std::vector<HostNetwork> routes;
  for (int i = 0; i < kTries; ++i) {
    routes.clear();
    ASSIGN_OR_RETURN(const RouteDump result, Dump(routes));
    // What the last try found is taken in any case: routes that change all the
    // time would otherwise stop everything.
    if (!result.inconsistent) {
      break;
    }
  }
  out.insert(out.end(), routes.begin(), routes.end());
  return absl::OkStatus();
}

}  // namespace bottled
