#include "rpc/events_reactor.h"

#include <utility>

#include "google/protobuf/util/time_util.h"
#include "jobs/errors.h"
#include "rpc/grpc_status.h"

namespace bottled {
namespace {

using google::protobuf::util::TimeUtil;

// The contract promises five seconds; ticks come once a second.
constexpr std::chrono::seconds kHeartbeatAfter(4);

v1::ChangeEvent::Kind ToProto(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kJob:
      return v1::ChangeEvent::KIND_JOB;
    case ChangeKind::kArtifactAdded:
      return v1::ChangeEvent::KIND_ARTIFACT_ADDED;
    case ChangeKind::kArtifactRemoved:
      return v1::ChangeEvent::KIND_ARTIFACT_REMOVED;
    case ChangeKind::kBottle:
      return v1::ChangeEvent::KIND_BOTTLE;
    case ChangeKind::kBottleRemoved:
      return v1::ChangeEvent::KIND_BOTTLE_REMOVED;
  }
  return v1::ChangeEvent::KIND_UNSPECIFIED;
}

}  // namespace

EventsReactor::EventsReactor(const Deps& deps,
                             grpc::CallbackServerContext* context,
                             const v1::WatchEventsRequest& request)
    : deps_(deps),
      context_(context),
      // 0 becomes the present end here and not at the first look, which would
      // lose what happens in between.
      cursor_(request.after_seq() > 0 ? request.after_seq()
                                      : deps.feed.last_seq()),
      last_write_(std::chrono::steady_clock::now()) {
  absl::StatusOr<int64_t> hub_id =
      deps_.hub.Add(context->peer(), [this] { Pump(); });
  if (!hub_id.ok()) {
    {
      MutexLock lock(mu_);
      finishing_ = true;
    }
    Finish(ToGrpcStatus(context_, hub_id.status()));
    return;
  }
  hub_id_ = *hub_id;
  StartSendInitialMetadata();
  feed_subscription_ =
      deps_.feed.Subscribe([this] { deps_.hub.Wake(hub_id_); });
  deps_.hub.Wake(hub_id_);
}

bool EventsReactor::PrepareChange() {
  const ChangeFeed::Batch batch = deps_.feed.Since(cursor_, 1);
  cursor_ = batch.cursor;
  drained_ = batch.closed;
  if (!batch.reset && batch.changes.empty()) {
    return false;
  }
  response_.Clear();
  v1::ChangeEvent& event = *response_.mutable_event();
  event.set_seq(cursor_);
  if (batch.reset) {
    event.set_kind(v1::ChangeEvent::KIND_RESET);
    *event.mutable_at() = TimeUtil::GetCurrentTime();
    return true;
  }
  const Change& change = batch.changes.front();
  event.set_kind(ToProto(change.kind));
  event.set_id(change.id);
  *event.mutable_at() = TimeUtil::MillisecondsToTimestamp(change.at_ms);
  return true;
}

bool EventsReactor::PrepareHeartbeat() {
  if (std::chrono::steady_clock::now() - last_write_ < kHeartbeatAfter) {
    return false;
  }
  response_.Clear();
  v1::ChangeEvent& event = *response_.mutable_event();
  event.set_seq(cursor_);
  event.set_kind(v1::ChangeEvent::KIND_HEARTBEAT);
  *event.mutable_at() = TimeUtil::GetCurrentTime();
  return true;
}

void EventsReactor::Pump() {
  bool write = false;
  bool cancelled = false;
  bool stuck = false;
  {
    MutexLock lock(mu_);
    if (finishing_ || stuck_) {
      return;
    }
    if (writing_) {
      stuck_ = std::chrono::steady_clock::now() - last_write_ >
               WatchHub::kMaxWriteTime;
      if (!stuck_) {
        return;
      }
    }
    stuck = stuck_;
    write = !stuck && !cancelled_ && !drained_ &&
            (PrepareChange() || (!drained_ && PrepareHeartbeat()));
    if (write) {
      writing_ = true;
      last_write_ = std::chrono::steady_clock::now();
    } else if (!stuck && (cancelled_ || drained_)) {
      finishing_ = true;
      cancelled = cancelled_;
    } else if (!stuck) {
      return;
    }
  }
  // Outside of the lock, because gRPC may call back from here.
  if (stuck) {
    // The write ends with an error then.
    context_->TryCancel();
  } else if (write) {
    StartWrite(&response_);
  } else {
    Finish(cancelled ? grpc::Status::CANCELLED
                     : ToGrpcStatus(context_, ShuttingDown()));
  }
}

void EventsReactor::OnWriteDone(bool ok) {
  {
    MutexLock lock(mu_);
    writing_ = false;
    stuck_ = false;
    cancelled_ = cancelled_ || !ok;
  }
  if (ok) {
    deps_.hub.Wake(hub_id_);
  } else {
    Pump();
  }
}

void EventsReactor::OnCancel() {
  {
    MutexLock lock(mu_);
    cancelled_ = true;
  }
  // Its place shall be free at once.
  Pump();
}

void EventsReactor::OnDone() {
  if (hub_id_ != 0) {
    deps_.hub.Remove(hub_id_);
    deps_.feed.Unsubscribe(feed_subscription_);
  }
  delete this;
}

}  // namespace bottled
