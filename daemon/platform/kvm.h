// KVM: whether this user may start virtual machines, without which smolvm
// launches nothing. Packing needs none of it.

#ifndef BOTTLED_PLATFORM_KVM_H_
#define BOTTLED_PLATFORM_KVM_H_

#include <filesystem>
#include <string>

namespace bottled {

struct KvmStatus {
  enum class State {
    kOk,
    // There is no such device: no hardware support, disabled in the firmware,
    // no kernel module, or a virtual machine without nested virtualisation.
    kAbsent,
    // It is there, but not for this user.
    kDenied,
    // It is there and does not work.
    kOther,
  };
  State state = State::kOther;
  // What was found, in one sentence.
  std::string message;
};

// Where the device is. On macOS the text of a sysctl stands for it.
std::filesystem::path KvmDevice();

// Opens `device` for reading and writing, as smolvm's library does, and asks it
// for its API version, which has been 12 since Linux 2.6.22
// (Documentation/virt/kvm/api.rst §4.1). On macOS it asks whether the processor
// and the system offer the Hypervisor framework, and `device` is ignored.
// Thread-safe; does not block. Reports what this process may do: a user who
// joined the group kvm after its start still shows as denied.
KvmStatus CheckKvm(const std::filesystem::path& device);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_KVM_H_
