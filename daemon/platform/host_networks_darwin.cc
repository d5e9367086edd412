// This file was never compiled, as no macOS machine was at hand.
//
// Facts: route(4), sysctl(3) NET_RT_DUMP, and Darwin's netinet routing socket:
// addresses follow the header in the order of their RTA_ bits, each rounded up
// to 4 bytes; netmasks may be cut after their last byte that is not 0.

#include <arpa/inet.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/host_networks.h"

namespace bottled {
namespace {

constexpr size_t kMaxRoutes = 100'000;
constexpr size_t kMaxDumpBytes = 64 << 20;
constexpr int kTries = 3;

absl::Status Malformed() {
  return ErrnoError(EBADMSG, "reading the kernel's routes");
}

// Offset of sin_addr in a sockaddr_in.
constexpr size_t kAddressOffset = 4;

// The IPv4 address in a sockaddr that may be cut short: what is missing is 0.
uint32_t AddressIn(std::string_view sockaddr_bytes) {
  unsigned char address[4] = {};
  for (size_t i = 0; i < sizeof(address); ++i) {
    if (kAddressOffset + i < sockaddr_bytes.size()) {
      address[i] =
          static_cast<unsigned char>(sockaddr_bytes[kAddressOffset + i]);
    }
  }
  uint32_t value = 0;
  for (const unsigned char byte : address) {
    value = value << 8 | byte;
  }
  return value;
}

absl::Status ParseRoute(const rt_msghdr& header, std::string_view rest,
                        std::vector<HostNetwork>& out) {
  constexpr int kSkip =
      RTF_LLINFO | RTF_LOCAL | RTF_BROADCAST | RTF_MULTICAST | RTF_WASCLONED;
  if ((header.rtm_flags & kSkip) != 0 || (header.rtm_flags & RTF_UP) == 0) {
    return absl::OkStatus();
  }
  std::string_view destination;
  std::string_view netmask;
  for (int bit = 0; bit < RTAX_MAX; ++bit) {
    if ((header.rtm_addrs & (1 << bit)) == 0) {
      continue;
    }
    if (rest.empty()) {
      return Malformed();
    }
    const auto length = static_cast<unsigned char>(rest[0]);
    if (length > rest.size()) {
      return Malformed();
    }
    const std::string_view one = rest.substr(0, length);
    if (bit == RTAX_DST) {
      destination = one;
    } else if (bit == RTAX_NETMASK) {
      netmask = one;
    }
    // An empty one takes 4 bytes as well.
    const size_t step = length == 0 ? 4 : (length + size_t{3}) & ~size_t{3};
    rest.remove_prefix(std::min(step, rest.size()));
  }
  if (destination.size() < 2 || destination[1] != AF_INET) {
    return absl::OkStatus();
  }
  const bool host = (header.rtm_flags & RTF_HOST) != 0 ||
                    (header.rtm_addrs & RTA_NETMASK) == 0;
  const int prefix = host ? 32 : std::countl_one(AddressIn(netmask));
  const uint32_t address = AddressIn(destination);
  if (prefix >= kShortestRoutePrefix && address >> 24 != 127) {
    out.push_back({.address = address, .prefix = prefix, .what = "route"});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RouteDump> ParseRouteDump(std::string_view bytes,
                                         std::vector<HostNetwork>& out) {
  while (!bytes.empty()) {
    rt_msghdr header;
    if (bytes.size() < sizeof(header)) {
      return Malformed();
    }
    std::memcpy(&header, bytes.data(), sizeof(header));
    if (header.rtm_msglen < sizeof(header) ||
        header.rtm_msglen > bytes.size()) {
      return Malformed();
    }
    if (header.rtm_version == RTM_VERSION && header.rtm_type == RTM_GET) {
      RETURN_IF_ERROR(ParseRoute(
          header,
          bytes.substr(sizeof(header), header.rtm_msglen - sizeof(header)),
          out));
    }
    bytes.remove_prefix(header.rtm_msglen);
  }
  return RouteDump{.done = true};
}

absl::Status AppendRoutes(std::vector<HostNetwork>& out) {
  int name[] = {CTL_NET, PF_ROUTE, 0, AF_INET, NET_RT_DUMP, 0};
  std::vector<char> buffer;
  // Routes may be added between the two calls.
  for (int i = 0; i < kTries; ++i) {
    size_t size = 0;
    if (::sysctl(name, 6, nullptr, &size, nullptr, 0) != 0) {
      const int error = errno;
      return ErrnoError(error, "asking the kernel for its routes");
    }
    if (size > kMaxDumpBytes) {
      return ErrnoError(EOVERFLOW, "reading the kernel's routes");
    }
    buffer.resize(size + size / 8 + 4096);
    size = buffer.size();
    if (::sysctl(name, 6, buffer.data(), &size, nullptr, 0) == 0) {
      std::vector<HostNetwork> routes;
      RETURN_IF_ERROR(
          ParseRouteDump(std::string_view(buffer.data(), size), routes)
              .status());
      if (routes.size() > kMaxRoutes) {
        return ErrnoError(EOVERFLOW, "reading the kernel's routes");
      }
      out.insert(out.end(), routes.begin(), routes.end());
      return absl::OkStatus();
    }
    if (errno != ENOMEM) {
      const int error = errno;
      return ErrnoError(error, "reading the kernel's routes");
    }
  }
  return ErrnoError(ENOMEM, "reading the kernel's routes");
}

}  // namespace bottled
