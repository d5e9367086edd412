#include <mach-o/dyld.h>

#include <string>
#include <system_error>

#include "client/self_path.h"

namespace bottled::client {

std::filesystem::path SelfPath() {
  uint32_t size = 0;
  ::_NSGetExecutablePath(nullptr, &size);
  std::string buffer(size, '\0');
  if (::_NSGetExecutablePath(buffer.data(), &size) != 0) {
    return {};
  }
  std::error_code error;
  return std::filesystem::canonical(buffer.c_str(), error);
}

}  // namespace bottled::client
