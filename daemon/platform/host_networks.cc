#include "platform/host_networks.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "platform/file.h"

namespace bottled {
namespace {

constexpr char kResolvConf[] = "/etc/resolv.conf";
constexpr size_t kMaxResolvConf = 64 << 10;
constexpr size_t kMaxNameservers = 64;

bool IsLoopback(uint32_t address) { return address >> 24 == 127; }

std::optional<uint32_t> AddressOf(const sockaddr* socket_address) {
  if (socket_address == nullptr || socket_address->sa_family != AF_INET) {
    return std::nullopt;
  }
  // Copied, as a sockaddr may be aligned for less than a sockaddr_in.
  sockaddr_in ip = {};
  std::memcpy(&ip, socket_address, sizeof(ip));
  return ntohl(ip.sin_addr.s_addr);
}

absl::Status AppendInterfaces(std::vector<HostNetwork>& out) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) {
    const int error = errno;
    return ErrnoError(error, "getifaddrs");
  }
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(
      list, &::freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    const std::optional<uint32_t> address = AddressOf(one->ifa_addr);
    if (!address.has_value() || IsLoopback(*address)) {
      continue;
    }
    // macOS leaves the family of some netmasks 0: those count as /32.
    const uint32_t mask = AddressOf(one->ifa_netmask).value_or(~uint32_t{0});
    out.push_back({.address = *address,
                   .prefix = std::countl_one(mask),
                   .what = "interface " + Printable(one->ifa_name, 64)});
    // The other end of a tunnel lies outside of the /32 of this one.
    if ((one->ifa_flags & IFF_POINTOPOINT) != 0) {
      const std::optional<uint32_t> peer = AddressOf(one->ifa_dstaddr);
      if (peer.has_value() && *peer != *address && !IsLoopback(*peer)) {
        out.push_back(
            {.address = *peer, .prefix = 32, .what = out.back().what});
      }
    }
  }
  return absl::OkStatus();
}

// The next word of `line`, taken off its front.
std::string_view TakeWord(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r\v\f";
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

absl::StatusOr<std::vector<HostNetwork>> ReadHostNetworks() {
  std::vector<HostNetwork> out;
  RETURN_IF_ERROR(AppendInterfaces(out));
  RETURN_IF_ERROR(AppendRoutes(out));
  // Most name servers lie behind a route that is listed above, so that a file
  // that cannot be read is no reason to fail.
  if (const auto text = ReadSmallFile(kResolvConf, kMaxResolvConf); text.ok()) {
    for (HostNetwork& nameserver : ParseNameservers(*text)) {
      out.push_back(std::move(nameserver));
    }
  }
  return out;
}

std::vector<HostNetwork> ParseNameservers(std::string_view resolv_conf) {
  std::vector<HostNetwork> out;
  while (!resolv_conf.empty() && out.size() < kMaxNameservers) {
    const size_t end = std::min(resolv_conf.find('\n'), resolv_conf.size());
    std::string_view line = resolv_conf.substr(0, end);
    resolv_conf.remove_prefix(std::min(end + 1, resolv_conf.size()));
    if (TakeWord(line) != "nameserver") {
      continue;
    }
    in_addr ip = {};
    if (::inet_pton(AF_INET, std::string(TakeWord(line)).c_str(), &ip) != 1) {
      continue;
    }
    const uint32_t address = ntohl(ip.s_addr);
    if (!IsLoopback(address)) {
      out.push_back({.address = address, .prefix = 32, .what = "nameserver"});
    }
  }
  return out;
}

}  // namespace bottled
