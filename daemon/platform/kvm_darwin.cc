// This file was never compiled, as no macOS machine was at hand.

#include <sys/sysctl.h>
#include <sys/types.h>

#include <cerrno>

#include "platform/kvm.h"

namespace bottled {
namespace {

using State = KvmStatus::State;

}  // namespace

std::filesystem::path KvmDevice() { return "kern.hv_support"; }

KvmStatus CheckKvm(const std::filesystem::path& /*device*/) {
  int supported = 0;
  size_t size = sizeof(supported);
  if (::sysctlbyname("kern.hv_support", &supported, &size, nullptr, 0) != 0) {
    return errno == ENOENT
               ? KvmStatus{State::kAbsent,
                           "this macOS has no Hypervisor framework"}
               : KvmStatus{State::kOther, "kern.hv_support cannot be read"};
  }
  if (supported == 0) {
    return {State::kAbsent,
            "the Hypervisor framework is not supported on this machine"};
  }
  return {State::kOk, "the Hypervisor framework can be used"};
}

}  // namespace bottled
