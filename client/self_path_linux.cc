#include <system_error>

#include "client/self_path.h"

namespace bottled::client {

std::filesystem::path SelfPath() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error);
}

}  // namespace bottled::client
