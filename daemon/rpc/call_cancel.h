// CallCancel: a CancelToken that is cancelled when a synchronous call's client
// goes away. gRPC tells a sync handler only on request, so a thread asks.

#ifndef BOTTLED_RPC_CALL_CANCEL_H_
#define BOTTLED_RPC_CALL_CANCEL_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "grpcpp/server_context.h"

namespace bottled {

// For calls that may take long; costs a thread while it lives.
class CallCancel {
 public:
  explicit CallCancel(grpc::ServerContext* context);
  ~CallCancel();
  CallCancel(const CallCancel&) = delete;
  CallCancel& operator=(const CallCancel&) = delete;

  CancelToken token() const { return source_.token(); }

 private:
  void Run();

  grpc::ServerContext* const context_;
  CancelSource source_;
  Mutex mu_;
  CondVar changed_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_CALL_CANCEL_H_
