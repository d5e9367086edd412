// HoldReactor: one HoldLease stream. What needs the index is done in a
// TaskThread, since gRPC's threads must not wait for the disk; at most one task
// or one write is under way.

#ifndef BOTTLED_RPC_HOLD_REACTOR_H_
#define BOTTLED_RPC_HOLD_REACTOR_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "base/task_thread.h"
#include "bottled/v1/bottled.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "jobs/change_feed.h"
#include "jobs/hold.h"
#include "jobs/pack_service.h"
#include "rpc/watch_hub.h"

namespace bottled {

// Deletes itself when the stream is done, as gRPC's callback API wants it; the
// lease's grace begins then. Ends with OK after `lost`, with UNAVAILABLE
// (reason SHUTTING_DOWN) when the feed is closed, with RESOURCE_EXHAUSTED
// (reason TOO_MANY_WATCHERS) when the hub is full.
class HoldReactor : public grpc::ServerWriteReactor<v1::HoldLeaseResponse> {
 public:
  struct Deps {
    Hold::Deps hold;
    PackService& packs;
    ChangeFeed& feed;
    WatchHub& hub;
    TaskThread& tasks;
  };

  // Starts at once. `context` belongs to the call, which outlives the reactor.
  HoldReactor(const Deps& deps, grpc::CallbackServerContext* context,
              const v1::HoldLeaseRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  ~HoldReactor() override = default;

  // In the task thread.
  absl::Status Begin();
  void Look();

  // Does what comes next, if nothing is under way.
  void Pump();
  // Looks through the feed.
  void ReadFeed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Fills response_ if there is something to say.
  bool PrepareMessage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Finish() ABSL_LOCKS_EXCLUDED(mu_);

  // Constant after construction.
  const Deps deps_;
  grpc::CallbackServerContext* const context_;
  const v1::HoldLeaseRequest request_;
  int64_t feed_subscription_ = 0;
  int64_t hub_id_ = 0;

  // Of the task thread, and of OnDone() when there are no more tasks.
  std::unique_ptr<Hold> hold_;

  Mutex mu_;
  int64_t cursor_ ABSL_GUARDED_BY(mu_);
  // A task or a write is under way.
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  // It is a write, and its call was not cancelled for taking too long.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  std::chrono::steady_clock::time_point wrote_ ABSL_GUARDED_BY(mu_);
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  // The artifact; empty until it is held.
  std::string digest_ ABSL_GUARDED_BY(mu_);
  // It may have been lost since the last look.
  bool doubtful_ ABSL_GUARDED_BY(mu_) = false;
  std::string lost_ ABSL_GUARDED_BY(mu_);
  bool said_lost_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mu_);
  std::chrono::steady_clock::time_point looked_ ABSL_GUARDED_BY(mu_);
  // Read by gRPC while a write is under way. What Begin() fills is the first
  // message.
  v1::HoldLeaseResponse response_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_HOLD_REACTOR_H_
