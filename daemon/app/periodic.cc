#include "app/periodic.h"

#include <utility>

namespace bottled {

Periodic::Periodic(std::chrono::milliseconds interval, Call call)
    : interval_(interval), call_(std::move(call)) {
  thread_ = std::thread([this] { Run(); });
}

Periodic::~Periodic() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  stop_.Cancel();
  thread_.join();
}

void Periodic::Run() {
  while (true) {
    call_(stop_.token());
    MutexLock lock(mu_);
    if (!stopping_) {
      // A spurious wake only makes the next call early.
      changed_.WaitFor(mu_, interval_);
    }
    if (stopping_) {
      return;
    }
  }
}

}  // namespace bottled
