// EventsReactor: one WatchEvents stream. It pulls from the change feed at the
// client's pace, with one write in flight at most. A client that is so slow
// that the feed no longer has what it needs gets KIND_RESET and goes on from
// there; it never delays anybody.
//
// The stream's head is sent at once, before the first event: a client that has
// it may list what there is and miss nothing.

#ifndef BOTTLED_RPC_EVENTS_REACTOR_H_
#define BOTTLED_RPC_EVENTS_REACTOR_H_

#include <chrono>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "bottled/v1/bottled.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "jobs/change_feed.h"
#include "rpc/watch_hub.h"

namespace bottled {

// Deletes itself when the stream is done, as gRPC's callback API wants it. Ends
// with CANCELLED when the client leaves or the server cancels the call, with
// UNAVAILABLE (reason SHUTTING_DOWN) when the feed is closed, and at once with
// RESOURCE_EXHAUSTED (reason TOO_MANY_WATCHERS) when the hub is full.
class EventsReactor : public grpc::ServerWriteReactor<v1::WatchEventsResponse> {
 public:
  struct Deps {
    ChangeFeed& feed;
    WatchHub& hub;
  };

  // Starts at once. `context` belongs to the call, which outlives the reactor.
  EventsReactor(const Deps& deps, grpc::CallbackServerContext* context,
                const v1::WatchEventsRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  ~EventsReactor() override = default;

  // Sends the next event if there is one and nothing is in flight.
  void Pump();
  // Both fill response_ if there is something to send.
  bool PrepareChange() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool PrepareHeartbeat() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Deps deps_;
  grpc::CallbackServerContext* const context_;
  int64_t feed_subscription_ = 0;
  int64_t hub_id_ = 0;

  Mutex mu_;
  int64_t cursor_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  // What is being written is not taken, and the call was cancelled for it.
  bool stuck_ ABSL_GUARDED_BY(mu_) = false;
  // The feed has ended and everything was sent.
  bool drained_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  std::chrono::steady_clock::time_point last_write_ ABSL_GUARDED_BY(mu_);
  // Read by gRPC while writing_.
  v1::WatchEventsResponse response_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_EVENTS_REACTOR_H_
