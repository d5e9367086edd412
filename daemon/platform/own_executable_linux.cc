#include "platform/own_executable.h"

namespace bottled {

std::string OwnExecutable() { return "/proc/self/exe"; }

}  // namespace bottled
