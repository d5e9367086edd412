// This file was never compiled, as no macOS machine was at hand.

#include <mach/mach.h>
#include <malloc/malloc.h>

#include "platform/process_memory.h"

namespace bottled {

int64_t ResidentBytes() {
  mach_task_basic_info info;
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  return ::task_info(::mach_task_self(), MACH_TASK_BASIC_INFO,
                     reinterpret_cast<task_info_t>(&info),
                     &count) == KERN_SUCCESS
             ? static_cast<int64_t>(info.resident_size)
             : 0;
}

void ReleaseFreeMemory() { ::malloc_zone_pressure_relief(nullptr, 0); }

}  // namespace bottled
