#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "base/strings.h"
#include "platform/fd.h"
#include "platform/kvm.h"

namespace bottled {
namespace {

using State = KvmStatus::State;

constexpr int kApiVersion = 12;

std::string Why(int errnum) { return std::generic_category().message(errnum); }

KvmStatus FromErrno(int errnum, const std::string& name) {
  switch (errnum) {
    case ENOENT:
      return {State::kAbsent, "there is no " + name};
    // A node without a driver behind it.
    case ENODEV:
    case ENXIO:
      return {State::kAbsent, name + " is there, but no driver behind it"};
    case EACCES:
    case EPERM:
      return {State::kDenied, "this user may not open " + name};
    default:
      return {State::kOther, name + " cannot be opened: " + Why(errnum)};
  }
}

}  // namespace

std::filesystem::path KvmDevice() { return "/dev/kvm"; }

KvmStatus CheckKvm(const std::filesystem::path& device) {
  const std::string name = Printable(device.native());
  int fd = -1;
  do {
    // Not blocking, in case that something else than a device has the name.
    fd = ::open(device.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    return FromErrno(errno, name);
  }
  const Fd kvm(fd);
  const int version = ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0);
  if (version < 0) {
    return {State::kOther, name + " does not answer: " + Why(errno)};
  }
  if (version != kApiVersion) {
    return {State::kOther,
            name + " speaks an unknown version of its interface"};
  }
  return {State::kOk, name + " can be used"};
}

}  // namespace bottled
