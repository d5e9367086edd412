// CallCancel: a CancelToken that is cancelled when a synchronous call's client
// goes away. gRPC tells a sync handler only on request, so one thread asks for
// all calls.

#ifndef BOTTLED_RPC_CALL_CANCEL_H_
#define BOTTLED_RPC_CALL_CANCEL_H_

#include <list>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "grpcpp/server_context.h"

namespace bottled {

class CallCancel;

// Thread-safe. Outlives its calls.
class CallWatcher {
 public:
  CallWatcher();
  ~CallWatcher();
  CallWatcher(const CallWatcher&) = delete;
  CallWatcher& operator=(const CallWatcher&) = delete;

 private:
  friend class CallCancel;
  using Calls = std::list<CallCancel*>;

  Calls::iterator Add(CallCancel* call);
  void Remove(Calls::iterator at);
  void Run();

  Mutex mu_;
  CondVar changed_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  bool asleep_ ABSL_GUARDED_BY(mu_) = false;
  Calls calls_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

// For calls that may take long. The client's going away is noticed within 50
// ms.
class CallCancel {
 public:
  CallCancel(CallWatcher& watcher, grpc::ServerContext* context)
      : watcher_(watcher), context_(context), at_(watcher.Add(this)) {}
  ~CallCancel() { watcher_.Remove(at_); }
  CallCancel(const CallCancel&) = delete;
  CallCancel& operator=(const CallCancel&) = delete;

  CancelToken token() const { return source_.token(); }

 private:
  friend class CallWatcher;

  CallWatcher& watcher_;
  grpc::ServerContext* const context_;
  CancelSource source_;
  const CallWatcher::Calls::iterator at_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_CALL_CANCEL_H_
