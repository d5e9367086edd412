// This file was never compiled, as no macOS machine was at hand.

#include <sys/proc.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

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

ProcessLook LookAtProcess(pid_t pid) {
  using State = ProcessLook::State;
  if (pid <= 0) {
    return {.state = State::kGone};
  }
  std::array<int, 4> name = {CTL_KERN, KERN_PROC, KERN_PROC_PID, pid};
  kinfo_proc info = {};
  size_t size = sizeof(info);
  if (::sysctl(name.data(), name.size(), &info, &size, nullptr, 0) != 0) {
    return {.state = errno == ESRCH ? State::kGone : State::kUnknown};
  }
  // A size of 0 says that there is no such process.
  if (size < sizeof(info)) {
    return {.state = size == 0 ? State::kGone : State::kUnknown};
  }
  if (info.kp_proc.p_stat == SZOMB ||
      info.kp_eproc.e_pcred.p_ruid != ::geteuid()) {
    return {.state = State::kGone};
  }
  const std::string boot = BootSession();
  if (boot.empty()) {
    return {.state = State::kUnknown};
  }
  const timeval& start = info.kp_proc.p_starttime;
  return {.state = State::kAlive,
          .identity = boot + "/" + std::to_string(start.tv_sec) + "." +
                      std::to_string(start.tv_usec)};
}

}  // namespace bottled
