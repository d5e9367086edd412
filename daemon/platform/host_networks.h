// The IPv4 networks that this host uses: its interfaces, its routes and its
// name servers. What an address pool must stay out of.
//
// docker checks this only for subnets that it picks itself; one that is given
// explicitly is taken even when it cuts the host off (moby
// daemon/libnetwork/netutils). The whole snapshot takes well under 1 ms with
// the usual few dozen routes. Thread-safe.

#ifndef BOTTLED_PLATFORM_HOST_NETWORKS_H_
#define BOTTLED_PLATFORM_HOST_NETWORKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bottled {

struct HostNetwork {
  uint32_t address = 0;  // host byte order; host bits may be set
  int prefix = 32;       // 0 to 32
  std::string what;      // "interface eth0", "route", "nameserver"

  bool operator==(const HostNetwork&) const = default;
};

// Routes with a shorter prefix are left out: VPNs route 0.0.0.0/1 and
// 128.0.0.0/1, and the default route would cover everything.
inline constexpr int kShortestRoutePrefix = 8;

// Interfaces that are down count too. Loopback addresses (127/8) are left out.
// A resolv.conf that is missing or cannot be read adds nothing. Reasons of
// ErrnoError(), for a kernel that does not tell, or tells more than 100 000
// routes. Blocks for the kernel's answer, at most about a second.
absl::StatusOr<std::vector<HostNetwork>> ReadHostNetworks();

// The IPv4 addresses of "nameserver" lines of a resolv.conf(5), without 127/8.
std::vector<HostNetwork> ParseNameservers(std::string_view resolv_conf);

// --- per system: host_networks_linux.cc, host_networks_darwin.cc -----------

// Appends the routes of all routing tables.
absl::Status AppendRoutes(std::vector<HostNetwork>& out);

struct RouteDump {
  bool done = false;  // this was the end
  // Routes changed meanwhile: some may be missing, or there twice.
  bool inconsistent = false;
};

// Reads one piece of the kernel's dump in its own form (netlink messages on
// Linux, PF_ROUTE messages on macOS), appends what counts. `bytes` may be
// anything: what is malformed is an error (IO_ERROR), never read beyond.
absl::StatusOr<RouteDump> ParseRouteDump(std::string_view bytes,
                                         std::vector<HostNetwork>& out);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_HOST_NETWORKS_H_
