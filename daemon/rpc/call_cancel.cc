#include "rpc/call_cancel.h"

#include <chrono>

namespace bottled {

CallWatcher::CallWatcher() : thread_([this] { Run(); }) {}

CallWatcher::~CallWatcher() {
  {
    MutexLock lock(mu_);
    done_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

CallWatcher::Calls::iterator CallWatcher::Add(CallCancel* call) {
  MutexLock lock(mu_);
  // The thread sleeps while there is no call; else it looks soon enough.
  if (calls_.empty()) {
    changed_.NotifyAll();
  }
  return calls_.insert(calls_.end(), call);
}

void CallWatcher::Remove(Calls::iterator at) {
  MutexLock lock(mu_);
  calls_.erase(at);
}

void CallWatcher::Run() {
  MutexLock lock(mu_);
  while (!done_) {
    if (calls_.empty()) {
      changed_.Wait(mu_);
      continue;
    }
    changed_.WaitFor(mu_, std::chrono::milliseconds(50));
    for (CallCancel* call : calls_) {
      if (call->context_->IsCancelled()) {
        call->source_.Cancel();
      }
    }
  }
}

}  // namespace bottled
