// Pipes whose ends no child inherits.

#ifndef BOTTLED_PLATFORM_PIPE_H_
#define BOTTLED_PLATFORM_PIPE_H_

#include "absl/status/statusor.h"
#include "platform/fd.h"

namespace bottled {

struct Pipe {
  Fd read;
  Fd write;
};

// Both ends block and close on exec. Thread-safe; TOO_MANY_FILES when there are
// no descriptors left.
absl::StatusOr<Pipe> MakePipe();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_PIPE_H_
