#include "image/platform.h"

#include <sys/utsname.h>

#include <string_view>

namespace bottled {

std::string Platform::ToString() const {
  return variant.empty() ? WithoutVariant() : WithoutVariant() + "/" + variant;
}

std::string Platform::WithoutVariant() const { return os + "/" + architecture; }

Platform HostPlatform() {
  utsname names{};
  ::uname(&names);
  const std::string_view machine = names.machine;
  Platform platform{.os = "linux", .architecture = {}, .variant = {}};
  if (machine == "x86_64") {
    platform.architecture = "amd64";
  } else if (machine == "aarch64" || machine == "arm64") {
    platform.architecture = "arm64";
  } else {
    platform.architecture = std::string(machine);
  }
  return platform;
}

}  // namespace bottled
