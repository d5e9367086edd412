// What the gates take, checked once more where it is rendered.
//
// The manifest was checked when it was read; but a gate's config is where a bad
// value would open a hole, and pipelock's own check accepts nearly everything
// (a URL, a port, a blank in a host: all fine to it, none ever matches). Pure,
// thread-safe.

#ifndef BOTTLED_BOTTLE_GATE_CHECKS_H_
#define BOTTLED_BOTTLE_GATE_CHECKS_H_

#include <string_view>

#include "absl/status/status.h"
#include "bottle/manifest.h"

namespace bottled {

// Lower-case LDH labels of at most 63 bytes, 253 in all; two or more of them
// perhaps after "*.". An IPv4 literal is fine unless it is loopback,
// link-local, multicast or reserved; "localhost" and what resolvers would take
// for a number (127.1, 0x7f000001) are not. "" when it is right, else why not.
std::string_view WhyNotRouteHost(std::string_view host);

// A bare label of letters, digits, hyphens and underscores or several joined by
// dots: what a git remote's host may be. Upper case is allowed.
bool IsSshHost(std::string_view text);

// IPv4 or IPv6, as inet_pton() takes it.
bool IsIpAddress(std::string_view text);

// All routes' hosts, paths and credentials. Reason GATE_UNRENDERABLE.
absl::Status CheckRoutes(std::string_view gate, const Manifest& manifest);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GATE_CHECKS_H_
