#include "rpc/call_cancel.h"

#include <chrono>

namespace bottled {

CallCancel::CallCancel(grpc::ServerContext* context)
    : context_(context), thread_([this] { Run(); }) {}

CallCancel::~CallCancel() {
  {
    MutexLock lock(mu_);
    done_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void CallCancel::Run() {
  MutexLock lock(mu_);
  while (!done_) {
    if (context_->IsCancelled()) {
      source_.Cancel();
      return;
    }
    changed_.WaitFor(mu_, std::chrono::milliseconds(50));
  }
}

}  // namespace bottled
