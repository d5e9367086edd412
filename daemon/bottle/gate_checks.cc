#include "bottle/gate_checks.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/status_macros.h"
#include "bottle/gate_errors.h"
#include "bottle/ipv4.h"
#include "bottle/manifest_values.h"

namespace bottled {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Splits off the part before the next `separator`.
std::string_view Next(std::string_view& rest, char separator) {
  const std::string_view part = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

bool IsLabels(std::string_view text, bool loose) {
  if (text.empty() || text.size() > 253 || text.back() == '.') {
    return false;
  }
  while (!text.empty()) {
    const std::string_view label = Next(text, '.');
    if (label.empty() || label.size() > 63 || label.front() == '-' ||
        label.back() == '-') {
      return false;
    }
    if (!std::all_of(label.begin(), label.end(), [&](char c) {
          return IsLower(c) || IsDigit(c) || c == '-' ||
                 (loose && (IsUpper(c) || c == '_'));
        })) {
      return false;
    }
  }
  return true;
}

std::string_view LastLabel(std::string_view host) {
  return host.substr(host.rfind('.') + 1);  // npos + 1 is 0.
}

// inet_aton() and browsers read such a host as an address, whatever else the
// labels are.
bool LooksNumeric(std::string_view host) {
  const std::string_view last = LastLabel(host);
  return std::all_of(last.begin(), last.end(), IsDigit) ||
         last.starts_with("0x");
}

std::string_view WhyNotLiteral(Ipv4 ip) {
  const uint32_t first = ip.value >> 24;
  if (first == 0 || first == 127) {
    return "it is the bundle itself";
  }
  if (ip.value >> 16 == 0xa9fe) {
    return "link-local addresses hold the credentials of cloud machines";
  }
  if (first >= 224) {
    return "it is no address of one host";
  }
  return "";
}

std::string_view WhyNotPath(std::string_view path) {
  if (!path.starts_with('/')) {
    return "a path begins with /";
  }
  if (!std::all_of(path.begin(), path.end(),
                   [](char c) { return c > ' ' && c < 0x7f; }) ||
      path.find_first_of("?#\\") != std::string_view::npos) {
    return "a path has printable ASCII without ?, # and backslash; write "
           "others as %XX";
  }
  for (std::string_view rest = path.substr(1); !rest.empty();) {
    const std::string_view part = Next(rest, '/');
    if (part == "." || part == "..") {
      return "a path has no . or .. in it";
    }
  }
  return "";
}

}  // namespace

std::string_view WhyNotRouteHost(std::string_view host) {
  const bool wildcard = host.starts_with("*.");
  const std::string_view name = wildcard ? host.substr(2) : host;
  if (!IsLabels(name, /*loose=*/false)) {
    return "a host has lower-case letters, digits, hyphens and dots, perhaps "
           "after \"*.\", and no port or path";
  }
  if (LastLabel(name) == "localhost") {
    return "it is the bundle itself";
  }
  if (wildcard && name.find('.') == std::string_view::npos) {
    return "it would be a whole top-level domain";
  }
  if (LooksNumeric(name)) {
    const std::optional<Ipv4> ip = Ipv4::Parse(name);
    return ip.has_value() && !wildcard
               ? WhyNotLiteral(*ip)
               : "it looks like an address and is none in the form a.b.c.d";
  }
  return "";
}

bool IsSshHost(std::string_view text) { return IsLabels(text, true); }

bool IsIpAddress(std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> address;
  const std::string copy(text);
  return copy.find('\0') == std::string::npos &&
         (::inet_pton(AF_INET, copy.c_str(), address.data()) == 1 ||
          ::inet_pton(AF_INET6, copy.c_str(), address.data()) == 1);
}

absl::Status CheckRoutes(std::string_view gate, const Manifest& manifest) {
  for (const EgressRoute& route : manifest.bottle.routes) {
    const std::string_view host_fault = WhyNotRouteHost(route.host);
    if (!host_fault.empty()) {
      return GateUnrenderable(gate, route.host, host_fault, route.origin);
    }
    for (const std::string& path : route.path_allowlist) {
      const std::string_view path_fault = WhyNotPath(path);
      if (!path_fault.empty()) {
        return GateUnrenderable(gate, path, path_fault, route.origin);
      }
    }
    if (!route.auth.has_value()) {
      continue;
    }
    if (!IsHttpToken(route.auth->scheme)) {
      return GateUnrenderable(gate, route.auth->scheme,
                              "a scheme is one word, as Bearer", route.origin);
    }
    if (!IsEnvName(route.auth->token_ref)) {
      return GateUnrenderable(gate, route.auth->token_ref,
                              "a token_ref is a variable's name", route.origin);
    }
  }
  return absl::OkStatus();
}

}  // namespace bottled
