#include "rpc/call_cancel.h"

#include <chrono>

namespace bottled {
namespace {

constexpr std::chrono::milliseconds kRound(50);
// Waking a thread takes a tenth of a short call's time, so that it stays awake
// between calls that follow each other.
constexpr int kIdleRounds = 20;

}  // namespace

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
  if (asleep_) {
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
  int idle_rounds = 0;
  while (!done_) {
    if (idle_rounds == kIdleRounds) {
      asleep_ = true;
      changed_.Wait(mu_);
      asleep_ = false;
      idle_rounds = 0;
    }
    changed_.WaitFor(mu_, kRound);
    idle_rounds = calls_.empty() ? idle_rounds + 1 : 0;
    for (CallCancel* call : calls_) {
      if (call->context_->IsCancelled()) {
        call->source_.Cancel();
      }
    }
  }
}

}  // namespace bottled
