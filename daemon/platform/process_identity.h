// Telling one process from a later one that has its number.

#ifndef BOTTLED_PLATFORM_PROCESS_IDENTITY_H_
#define BOTTLED_PLATFORM_PROCESS_IDENTITY_H_

#include <sys/types.h>

#include <optional>
#include <string>

namespace bottled {

// What no other process ever is: the boot's ID and the process's start time
// (Linux: proc(5), field 22 of stat, and random/boot_id). nullopt when there is
// no such process, when it has ended (a zombie), or when it is another user's.
// Thread-safe; does not block.
std::optional<std::string> ProcessIdentity(pid_t pid);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_PROCESS_IDENTITY_H_
