#include <sys/syscall.h>
#include <unistd.h>

#include "platform/idle_io.h"

namespace bottled {
namespace {

// linux/ioprio.h, which not every libc-dev has.
constexpr int kWhoProcess = 1;
constexpr int kIdle = 3 << 13;
constexpr int kBestEffort = (2 << 13) | 4;

int Get() {
  return static_cast<int>(::syscall(SYS_ioprio_get, kWhoProcess, 0));
}

bool Set(int priority) {
  return ::syscall(SYS_ioprio_set, kWhoProcess, 0, priority) == 0;
}

}  // namespace

IdleIo::IdleIo() {
  const int before = Get();
  if (before >= 0 && Set(kIdle)) {
    before_ = before;
  }
}

IdleIo::~IdleIo() {
  // Some kernels do not take back what they say that a thread without a class
  // of its own has.
  if (before_ >= 0 && !Set(before_)) {
    (void)Set(kBestEffort);
  }
}

}  // namespace bottled
