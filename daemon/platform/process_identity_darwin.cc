// This file was never compiled, as no macOS machine was at hand.

#include <sys/proc.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <array>

#include "platform/process_identity.h"

namespace bottled {
namespace {

// Another one at each start of the system; empty when it cannot be told.
std::string BootSession() {
  std::array<char, 64> text = {};
  size_t size = text.size() - 1;
  return ::sysctlbyname("kern.bootsessionuuid", text.data(), &size, nullptr,
                        0) == 0
             ? std::string(text.data())
             : std::string();
}

}  // namespace

std::optional<std::string> ProcessIdentity(pid_t pid) {
  if (pid <= 0) {
    return std::nullopt;
  }
  std::array<int, 4> name = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
  kinfo_proc info = {};
  size_t size = sizeof(info);
  // A size of 0 says that there is no such process.
  if (::sysctl(name.data(), name.size(), &info, &size, nullptr, 0) != 0 ||
      size < sizeof(info)) {
    return std::nullopt;
  }
  const std::string boot = BootSession();
  if (info.kp_proc.p_stat == SZOMB ||
      info.kp_eproc.e_pcred.p_ruid != ::geteuid() || boot.empty()) {
    return std::nullopt;
  }
  const timeval& start = info.kp_proc.p_starttime;
  return boot + "/" + std::to_string(start.tv_sec) + "." +
         std::to_string(start.tv_usec);
}

}  // namespace bottled
