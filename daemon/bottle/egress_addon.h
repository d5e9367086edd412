// The egress gate's mitmproxy add-on, as text.
//
// Fixed: it knows the bottle by routes.yaml, which lies beside it, and by the
// environment. docs/gates.md says how it decides.

#ifndef BOTTLED_BOTTLE_EGRESS_ADDON_H_
#define BOTTLED_BOTTLE_EGRESS_ADDON_H_

#include <string_view>

namespace bottled {

// Python 3.9 and later, mitmproxy 9 and later.
extern const std::string_view kEgressAddon;

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_EGRESS_ADDON_H_
