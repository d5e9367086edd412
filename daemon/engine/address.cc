#include "engine/address.h"

#include <charconv>
#include <string_view>

#include "base/status_macros.h"
#include "endpoint/address.h"
#include "endpoint/errors.h"

namespace bottled {
namespace {

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

// Splits "host[:port]" and "[v6][:port]", whose form was checked.
void SplitAuthority(std::string_view text, EngineAddress& address) {
  size_t colon = text.find(':');
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    address.host = text.substr(1, close - 1);
    colon = text.find(':', close);
  } else {
    address.host = text.substr(0, colon);
  }
  if (colon < text.size()) {
    const std::string_view port = text.substr(colon + 1);
    std::from_chars(port.data(), port.data() + port.size(), address.port);
  }
}

}  // namespace

std::string EngineAddress::Authority() const {
  std::string out =
      host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != 0) {
    out += ":" + std::to_string(port);
  }
  return out;
}

absl::StatusOr<EngineAddress> SplitEngineAddress(
    const EngineEndpoint& endpoint) {
  ASSIGN_OR_RETURN(const std::string canonical,
                   ParseEngineAddress(endpoint.host,
                                      /*tls=*/!endpoint.tls_dir.empty()));
  std::string_view rest = canonical;
  EngineAddress address;
  if (TakePrefix(rest, "unix://")) {
    address.path = rest;
    return address;
  }
  if (TakePrefix(rest, "tcp://")) {
    address.kind = EngineAddress::Kind::kTcp;
  } else if (TakePrefix(rest, "ssh://")) {
    address.kind = EngineAddress::Kind::kSsh;
    if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
      address.user = rest.substr(0, at);
      rest.remove_prefix(at + 1);
    }
  } else {
    return BadEngineAddressError(endpoint.host, "it cannot be dialled");
  }
  SplitAuthority(rest, address);
  // The last word before a command line: neither may look like an option.
  if (address.host.empty() || address.host.starts_with('-') ||
      address.user.starts_with('-')) {
    return BadEngineAddressError(endpoint.host, "it cannot be dialled");
  }
  return address;
}

}  // namespace bottled
