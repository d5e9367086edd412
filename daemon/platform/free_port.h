// A port that somebody else may listen on.

#ifndef BOTTLED_PLATFORM_FREE_PORT_H_
#define BOTTLED_PLATFORM_FREE_PORT_H_

#include "absl/status/statusor.h"

namespace bottled {

// A TCP port of 127.0.0.1 that nobody listens on now. Another program may take
// it before the caller's does: try again then. Thread-safe.
absl::StatusOr<int> FreeLoopbackPort();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_FREE_PORT_H_
