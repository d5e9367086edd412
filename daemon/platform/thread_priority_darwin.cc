// This file was never compiled, as no macOS machine was at hand.

#include <pthread/qos.h>
#include <sys/resource.h>

#include "platform/thread_priority.h"

namespace bottled {

void LowerThreadPriority() {
  (void)::pthread_set_qos_class_self_np(QOS_CLASS_BACKGROUND, 0);
  (void)::setiopolicy_np(IOPOL_TYPE_DISK, IOPOL_SCOPE_THREAD, IOPOL_THROTTLE);
}

}  // namespace bottled
