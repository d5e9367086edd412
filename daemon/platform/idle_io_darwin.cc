// Never compiled so far: there was no macOS machine.
#include <sys/resource.h>

#include "platform/idle_io.h"

namespace bottled {

IdleIo::IdleIo() {
  const int before = ::getiopolicy_np(IOPOL_TYPE_DISK, IOPOL_SCOPE_THREAD);
  if (before >= 0 && ::setiopolicy_np(IOPOL_TYPE_DISK, IOPOL_SCOPE_THREAD,
                                      IOPOL_THROTTLE) == 0) {
    before_ = before;
  }
}

IdleIo::~IdleIo() {
  if (before_ >= 0) {
    (void)::setiopolicy_np(IOPOL_TYPE_DISK, IOPOL_SCOPE_THREAD, before_);
  }
}

}  // namespace bottled
