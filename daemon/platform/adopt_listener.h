// Checking a descriptor that a service manager handed over.

#ifndef BOTTLED_PLATFORM_ADOPT_LISTENER_H_
#define BOTTLED_PLATFORM_ADOPT_LISTENER_H_

#include "absl/status/statusor.h"
#include "platform/fd.h"

namespace bottled {

// Takes `fd` over when it is a listening Unix stream socket; sets
// close-on-exec and non-blocking. Else BAD_ACTIVATION, and `fd` stays open.
absl::StatusOr<Fd> AdoptListener(int fd);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_ADOPT_LISTENER_H_
