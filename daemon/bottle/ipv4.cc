#include "bottle/ipv4.h"

#include <algorithm>

#include "fmt/format.h"

namespace bottled {
namespace {

// A decimal number of at most `max` without sign or leading zeros, which some
// programs would read as octal.
std::optional<uint32_t> ParseNumber(std::string_view text, uint32_t max) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) {
    return std::nullopt;
  }
  uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  return value <= max ? std::optional<uint32_t>(value) : std::nullopt;
}

// Shifting by 32 bits is undefined.
uint32_t Mask(int prefix) {
  return prefix <= 0 ? 0 : ~uint32_t{0} << (32 - std::min(prefix, 32));
}

}  // namespace

std::optional<Ipv4> Ipv4::Parse(std::string_view text) {
  Ipv4 ip;
  for (int part = 0; part < 4; ++part) {
    const size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (part == 3)) {
      return std::nullopt;
    }
    const std::optional<uint32_t> number =
        ParseNumber(text.substr(0, dot), 255);
    if (!number.has_value()) {
      return std::nullopt;
    }
    ip.value = ip.value << 8 | *number;
    text.remove_prefix(part == 3 ? text.size() : dot + 1);
  }
  return ip;
}

std::string Ipv4::ToString() const {
  return fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 255,
                     value >> 8 & 255, value & 255);
}

std::optional<Ipv4Net> Ipv4Net::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<Ipv4> ip = Ipv4::Parse(text.substr(0, slash));
  std::optional<uint32_t> prefix = 32;
  if (slash != std::string_view::npos) {
    prefix = ParseNumber(text.substr(slash + 1), 32);
  }
  if (!ip.has_value() || !prefix.has_value()) {
    return std::nullopt;
  }
  Ipv4Net net;
  net.prefix = static_cast<int>(*prefix);
  net.address.value = ip->value & Mask(net.prefix);
  return net;
}

std::string Ipv4Net::ToString() const {
  return fmt::format("{}/{}", address.ToString(), prefix);
}

bool Ipv4Net::Contains(Ipv4 ip) const {
  return ((ip.value ^ address.value) & Mask(prefix)) == 0;
}

bool Ipv4Net::Overlaps(const Ipv4Net& other) const {
  // Two blocks are apart, or the larger one holds the smaller.
  return prefix <= other.prefix ? Contains(other.address)
                                : other.Contains(address);
}

}  // namespace bottled
