#include "client/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "client/exit_codes.h"

namespace bottled::client {
namespace {

// A handler reaches nothing but globals.
std::atomic<int> write_fd{-1};
std::atomic<int> interrupt_count{0};
struct sigaction before = {};

extern "C" void BottledClientOnInterrupt(int /*signal*/) {
  const int saved = errno;
  if (interrupt_count.fetch_add(1) > 0) {
    ::_exit(kExitCancelled);
  }
  // One byte into an empty pipe cannot fail in a way that matters.
  const char byte = 0;
  const ssize_t ignored = ::write(write_fd.load(), &byte, 1);
  static_cast<void>(ignored);
  errno = saved;
}

}  // namespace

Interrupt::Interrupt() {
  std::array<int, 2> fds = {};
  if (::pipe(fds.data()) != 0) {
    return;
  }
  ::fcntl(fds[0], F_SETFD, FD_CLOEXEC);
  ::fcntl(fds[1], F_SETFD, FD_CLOEXEC);
  read_fd_ = fds[0];
  write_fd = fds[1];
  interrupt_count = 0;
  struct sigaction action = {};
  action.sa_handler = BottledClientOnInterrupt;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &before);
}

Interrupt::~Interrupt() {
  if (read_fd_ >= 0) {
    ::sigaction(SIGINT, &before, nullptr);
    ::close(read_fd_);
    ::close(write_fd.exchange(-1));
  }
}

}  // namespace bottled::client
