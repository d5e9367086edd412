// The forms of an engine's address.
//
// As docker's CLI reads them (docker/cli opts/hosts.go), but only what bottled
// can reach: unix, tcp and ssh. Pure, thread-safe.

#ifndef BOTTLED_ENDPOINT_ADDRESS_H_
#define BOTTLED_ENDPOINT_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace bottled {

inline constexpr char kDefaultEngineAddress[] = "unix:///var/run/docker.sock";

// The canonical form of `text`: an absolute socket path, or a host and a port.
// A missing scheme is tcp; a missing port is 2375, with TLS 2376; ssh keeps
// none. Reason BAD_ENGINE_ADDRESS. No part of a result starts with "-" or
// holds white space or controls, as ssh gets it on its command line.
absl::StatusOr<std::string> ParseEngineAddress(std::string_view text, bool tls);

// True for "tcp://…".
bool IsTcpAddress(std::string_view address);

}  // namespace bottled

#endif  // BOTTLED_ENDPOINT_ADDRESS_H_
