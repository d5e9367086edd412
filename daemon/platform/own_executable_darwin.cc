// This file was never compiled, as no macOS machine was at hand.

#include <mach-o/dyld.h>

#include <cstdint>

#include "platform/own_executable.h"

namespace bottled {

std::string OwnExecutable() {
  uint32_t size = 0;
  ::_NSGetExecutablePath(nullptr, &size);
  std::string path(size, '\0');
  return ::_NSGetExecutablePath(path.data(), &size) == 0
             ? std::string(path.c_str())
             : std::string();
}

}  // namespace bottled
