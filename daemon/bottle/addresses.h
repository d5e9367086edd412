// The addresses of one bottle.
//
// The guest may talk to exactly one address, the endpoint, where the gates
// listen. In bridge mode it is the bundle container's address in a docker
// network of the bottle's own; where the engine runs in a VM and its bridges
// cannot be reached (loopback mode) it is a 127/8 address of the bottle's own
// on which the container's ports are published. Both are reserved always, so
// that changing the mode moves nothing.

#ifndef BOTTLED_BOTTLE_ADDRESSES_H_
#define BOTTLED_BOTTLE_ADDRESSES_H_

#include <optional>
#include <string_view>

#include "bottle/ipv4.h"

namespace bottled {

enum class EndpointMode { kBridge, kLoopback };

// "bridge", "loopback": as plans have it.
constexpr std::string_view EndpointModeText(EndpointMode mode) {
  return mode == EndpointMode::kBridge ? "bridge" : "loopback";
}

// The inverse; nullopt for anything else.
constexpr std::optional<EndpointMode> ParseEndpointMode(std::string_view text) {
  for (const EndpointMode mode :
       {EndpointMode::kBridge, EndpointMode::kLoopback}) {
    if (text == EndpointModeText(mode)) {
      return mode;
    }
  }
  return std::nullopt;
}

struct Addresses {
  EndpointMode mode = EndpointMode::kBridge;
  Ipv4Net subnet;    // 172.16.192.16/28
  Ipv4 gateway;      // its first address
  Ipv4 bundle_ip;    // its second
  Ipv4 loopback_ip;  // 127.80.0.2
  // False: docker's networks could not be read when this was chosen.
  bool docker_checked = false;

  Ipv4 endpoint_ip() const {
    return mode == EndpointMode::kBridge ? bundle_ip : loopback_ip;
  }
  bool operator==(const Addresses&) const = default;
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_ADDRESSES_H_
