// This file was never compiled, as no macOS machine was at hand.

#include <pthread/qos.h>

#include "platform/thread_priority.h"

namespace bottled {

void LowerThreadPriority() {
  (void)::pthread_set_qos_class_self_np(QOS_CLASS_BACKGROUND, 0);
}

}  // namespace bottled
