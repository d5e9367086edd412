#include "platform/signals.h"

#include <pthread.h>

#include <csignal>

namespace bottled {
namespace {

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void BlockSignals() {
  const sigset_t set = HandledSignals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int WaitForSignal() {
  const sigset_t set = HandledSignals();
  int number = 0;
  // EINTR is allowed by POSIX when a handler of another signal ran.
  while (::sigwait(&set, &number) != 0) {
  }
  return number;
}

}  // namespace bottled
