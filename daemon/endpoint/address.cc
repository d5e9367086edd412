#include "endpoint/address.h"

#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/status_macros.h"
#include "endpoint/errors.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kSsh = "ssh://";
constexpr size_t kMaxAddress = 1024;

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

bool AllOf(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [also](char c) {
    return IsAlnum(c) || also.find(c) != std::string_view::npos;
  });
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::optional<int> ParsePort(std::string_view text) {
  int port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end || port < 1 || port > 65535) {
    return std::nullopt;
  }
  return port;
}

struct HostPort {
  // With the brackets of an IPv6 address.
  std::string host;
  // 0 when not given.
  int port = 0;
};

absl::StatusOr<HostPort> ParseHostPort(std::string_view whole,
                                       std::string_view text) {
  HostPort result;
  size_t host_end = text.find(':');
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos || bracket < 3 ||
        !AllOf(text.substr(1, bracket - 1), ":.%-_")) {
      return BadEngineAddressError(whole, "the IPv6 address is malformed");
    }
    host_end = bracket + 1;
  } else {
    const std::string_view host = text.substr(0, host_end);
    if (!AllOf(host, ".-_") || host.starts_with('-')) {
      return BadEngineAddressError(whole, "the host name is malformed");
    }
  }
  host_end = std::min(host_end, text.size());
  result.host = std::string(text.substr(0, host_end));
  const std::string_view rest = text.substr(host_end);
  if (rest.empty() || rest == ":") {
    return result;
  }
  const auto port =
      rest.front() == ':' ? ParsePort(rest.substr(1)) : std::nullopt;
  if (!port.has_value()) {
    return BadEngineAddressError(whole, "the port is not within 1 to 65535");
  }
  result.port = *port;
  return result;
}

absl::StatusOr<std::string> ParseUnix(std::string_view whole,
                                      std::string_view path) {
  if (path.empty()) {
    return std::string(kDefaultEngineAddress);
  }
  if (path.front() != '/') {
    return BadEngineAddressError(whole, "the socket path is not absolute");
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return BadEngineAddressError(whole, "the socket path is too long");
  }
  const bool controls = std::any_of(path.begin(), path.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (controls) {
    return BadEngineAddressError(whole, "the socket path holds controls");
  }
  return fmt::format("{}{}", kUnix, path);
}

absl::StatusOr<std::string> ParseTcp(std::string_view whole,
                                     std::string_view text, bool tls) {
  if (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  ASSIGN_OR_RETURN(HostPort parsed, ParseHostPort(whole, text));
  if (parsed.host.empty()) {
    parsed.host = "localhost";
  }
  if (parsed.port == 0) {
    parsed.port = tls ? 2376 : 2375;
  }
  return fmt::format("{}{}:{}", kTcp, parsed.host, parsed.port);
}

absl::StatusOr<std::string> ParseSsh(std::string_view whole,
                                     std::string_view text) {
  if (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  std::string user;
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    user = std::string(text.substr(0, at));
    text.remove_prefix(at + 1);
    if (user.find(':') != std::string::npos) {
      return BadEngineAddressError(whole, "a password is not allowed");
    }
    if (user.empty() || user.front() == '-' || !AllOf(user, "._-+$\\@")) {
      return BadEngineAddressError(whole, "the user name is malformed");
    }
    user += '@';
  }
  ASSIGN_OR_RETURN(const HostPort parsed, ParseHostPort(whole, text));
  if (parsed.host.empty()) {
    return BadEngineAddressError(whole, "the host is missing");
  }
  return parsed.port == 0
             ? fmt::format("{}{}{}", kSsh, user, parsed.host)
             : fmt::format("{}{}{}:{}", kSsh, user, parsed.host, parsed.port);
}

}  // namespace

absl::StatusOr<std::string> ParseEngineAddress(std::string_view text,
                                               bool tls) {
  text = Trim(text);
  if (text.empty()) {
    return BadEngineAddressError(text, "it is empty");
  }
  if (text.size() > kMaxAddress) {
    return BadEngineAddressError(text, "it is too long");
  }
  if (text.starts_with(kUnix)) {
    return ParseUnix(text, text.substr(kUnix.size()));
  }
  if (text.starts_with(kTcp)) {
    return ParseTcp(text, text.substr(kTcp.size()), tls);
  }
  if (text.starts_with(kSsh)) {
    return ParseSsh(text, text.substr(kSsh.size()));
  }
  if (text.find("://") != std::string_view::npos) {
    return BadEngineAddressError(text, "the scheme is not supported");
  }
  if (text.front() == '/') {
    return BadEngineAddressError(text, "a socket path starts with unix://");
  }
  return ParseTcp(text, text, tls);
}

bool IsTcpAddress(std::string_view address) {
  return address.starts_with(kTcp);
}

}  // namespace bottled
