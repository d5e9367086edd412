// A warning: something that a plan's reader should know and that stops nobody.

#ifndef BOTTLED_BOTTLE_WARNING_H_
#define BOTTLED_BOTTLE_WARNING_H_

#include <string>

namespace bottled {

struct Warning {
  // Stable, upper-case: "SECRET_LIKE_ENV". docs/manifest.md lists all.
  std::string reason;
  // For people, with the file and line where there is one. Printable.
  std::string message;

  bool operator==(const Warning&) const = default;
};

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_WARNING_H_
