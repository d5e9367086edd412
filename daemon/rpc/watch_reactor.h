// WatchReactor: one WatchJob stream. It pulls from the job's event log at the
// client's pace: one write is in flight at most, and while it is, newer
// progress replaces older in the log.

#ifndef BOTTLED_RPC_WATCH_REACTOR_H_
#define BOTTLED_RPC_WATCH_REACTOR_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "bottled/v1/bottled.pb.h"
#include "grpcpp/support/server_callback.h"
#include "jobs/job.h"
#include "jobs/scheduler.h"
#include "rpc/watch_hub.h"
#include "store/objects.h"

namespace bottled {

// Deletes itself when the stream is done, as gRPC's callback API wants it.
class WatchReactor : public grpc::ServerWriteReactor<v1::WatchJobResponse> {
 public:
  struct Deps {
    Scheduler& scheduler;
    const Objects& objects;
    WatchHub& hub;
  };

  // Starts at once. `context` belongs to the call and outlives the reactor's
  // use of it.
  WatchReactor(const Deps& deps, grpc::CallbackServerContext* context,
               std::shared_ptr<Job> job, const v1::WatchJobRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  ~WatchReactor() override = default;

  // Sends the next event if there is one and nothing is in flight.
  void Pump();
  bool PrepareEvent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool PrepareHeartbeat() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Deps deps_;
  grpc::CallbackServerContext* const context_;
  const std::shared_ptr<Job> job_;
  const std::string interest_id_;
  int64_t log_subscription_ = 0;
  int64_t hub_id_ = 0;

  Mutex mu_;
  int64_t cursor_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  // What is being written is not taken, and the call was cancelled for it.
  bool stuck_ ABSL_GUARDED_BY(mu_) = false;
  bool last_sent_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  std::chrono::steady_clock::time_point last_write_ ABSL_GUARDED_BY(mu_);
  // Read by gRPC while writing_.
  v1::WatchJobResponse response_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_WATCH_REACTOR_H_
