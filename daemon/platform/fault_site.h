// FaultSite: where a call was made, as a defaulted last parameter. It names the
// call for the tests that fail it or leave it out; empty unless BOTTLED_FAULTS.

#ifndef BOTTLED_PLATFORM_FAULT_SITE_H_
#define BOTTLED_PLATFORM_FAULT_SITE_H_

#ifdef BOTTLED_FAULTS
#include <source_location>
#endif

namespace bottled {

#ifdef BOTTLED_FAULTS
using FaultSite = std::source_location;
#else
struct FaultSite {
  static constexpr FaultSite current() { return {}; }
};
#endif

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_FAULT_SITE_H_
