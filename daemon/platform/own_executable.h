// Where this process's own executable is.

#ifndef BOTTLED_PLATFORM_OWN_EXECUTABLE_H_
#define BOTTLED_PLATFORM_OWN_EXECUTABLE_H_

#include <string>

namespace bottled {

// For ProcessSpec::supervisor. Works also after the file was replaced (Linux).
std::string OwnExecutable();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_OWN_EXECUTABLE_H_
