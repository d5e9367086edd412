// This file was never compiled, as no macOS machine was at hand.

#include <fcntl.h>
#include <unistd.h>

#include "base/wake_fd.h"

namespace bottled {

WakeFd::WakeFd() {
  int fds[2];
  if (::pipe(fds) != 0) {
    return;
  }
  for (const int fd : fds) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  read_fd_ = fds[0];
  write_fd_ = fds[1];
}

WakeFd::~WakeFd() {
  if (read_fd_ >= 0) {
    ::close(read_fd_);
    ::close(write_fd_);
  }
}

void WakeFd::Wake() {
  // The only possible failure is a full pipe, which is readable already.
  [[maybe_unused]] const ssize_t written = ::write(write_fd_, "x", 1);
}

}  // namespace bottled
