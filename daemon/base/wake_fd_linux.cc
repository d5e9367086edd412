#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/wake_fd.h"

namespace bottled {

WakeFd::WakeFd()
    : read_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), write_fd_(read_fd_) {}

WakeFd::~WakeFd() {
  if (read_fd_ >= 0) {
    ::close(read_fd_);
  }
}

void WakeFd::Wake() {
  const uint64_t one = 1;
  // The only possible failure is a full counter, which is readable already.
  [[maybe_unused]] const ssize_t written =
      ::write(write_fd_, &one, sizeof(one));
}

}  // namespace bottled
