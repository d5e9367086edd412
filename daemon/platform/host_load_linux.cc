#include <fcntl.h>

#include <array>
#include <vector>

#include "platform/fd.h"
#include "platform/file.h"
#include "platform/host_load.h"

namespace bottled {
namespace {

// Files of /proc and /sys are not what ReadSmallFile() calls regular: they
// have no size.
std::string ReadKernelFile(const std::filesystem::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text;
  const ssize_t size =
      file.valid() ? ::read(file.get(), text.data(), text.size()) : -1;
  return size > 0 ? std::string(text.data(), static_cast<size_t>(size))
                  : std::string();
}

// A laptop that discharges. One that is plugged in says "Charging", "Full" or
// "Not charging"; a mouse's battery has scope "Device".
bool OnBattery(const std::filesystem::path& supplies) {
  bool discharging = false;
  for (const std::string& name :
       ListDir(supplies).value_or(std::vector<std::string>())) {
    const std::filesystem::path supply = supplies / name;
    const std::string type = ReadKernelFile(supply / "type");
    if ((type.starts_with("Mains") || type.starts_with("USB")) &&
        ReadKernelFile(supply / "online").starts_with("1")) {
      return false;
    }
    discharging =
        discharging ||
        (type.starts_with("Battery") &&
         !ReadKernelFile(supply / "scope").starts_with("Device") &&
         ReadKernelFile(supply / "status").starts_with("Discharging"));
  }
  return discharging;
}

}  // namespace

HostLoad ReadHostLoad(const std::filesystem::path& root) {
  HostLoad load;
  load.memory_stalled =
      PressureOf(ReadKernelFile(root / "proc/pressure/memory"), "some");
  load.io_stalled =
      PressureOf(ReadKernelFile(root / "proc/pressure/io"), "full");
  load.on_battery = OnBattery(root / "sys/class/power_supply");
  return load;
}

}  // namespace bottled
