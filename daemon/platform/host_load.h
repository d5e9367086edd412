// Whether this machine has better things to do than work in advance.
//
// Linux: pressure stall information (/proc/pressure, Linux 4.20, absent where
// the kernel has none) and /sys/class/power_supply. What cannot be read counts
// as no pressure and mains. macOS: nothing is read yet.

#ifndef BOTTLED_PLATFORM_HOST_LOAD_H_
#define BOTTLED_PLATFORM_HOST_LOAD_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace bottled {

struct HostLoad {
  // Share of the last ten seconds, in percent, in which some task waited for
  // memory, and in which all of them waited for a disk.
  double memory_stalled = 0;
  double io_stalled = 0;
  bool on_battery = false;
};

// Reads it. `root` is "/" but in tests. Thread-safe; does not block.
HostLoad ReadHostLoad(const std::filesystem::path& root = "/");

// "some avg10=1.23 avg60=…": the number behind `line`'s avg10 in the text of a
// pressure file; 0 when it is not there or is no share. Pure.
double PressureOf(std::string_view text, std::string_view line);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_HOST_LOAD_H_
