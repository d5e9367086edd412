// IPv4 addresses and networks as values. Pure, thread-safe.

#ifndef BOTTLED_BOTTLE_IPV4_H_
#define BOTTLED_BOTTLE_IPV4_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bottled {

struct Ipv4 {
  uint32_t value = 0;  // host byte order

  // "a.b.c.d" without leading zeros; nullopt for anything else.
  static std::optional<Ipv4> Parse(std::string_view text);
  std::string ToString() const;

  auto operator<=>(const Ipv4&) const = default;
};

struct Ipv4Net {
  Ipv4 address;    // host bits are zero
  int prefix = 0;  // 0 to 32

  // "a.b.c.d/n"; a bare address is a /32. Host bits are cleared.
  static std::optional<Ipv4Net> Parse(std::string_view text);
  std::string ToString() const;

  bool Contains(Ipv4 ip) const;
  bool Overlaps(const Ipv4Net& other) const;
  // The n-th address, from 0 (the network's own).
  Ipv4 At(uint32_t n) const { return {address.value + n}; }

  auto operator<=>(const Ipv4Net&) const = default;
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_IPV4_H_
