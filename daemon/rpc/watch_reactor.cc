#include "rpc/watch_reactor.h"

#include <utility>

#include "google/protobuf/util/time_util.h"
#include "rpc/convert.h"
#include "rpc/grpc_status.h"

namespace bottled {
namespace {

// The contract promises five seconds; ticks come once a second.
constexpr std::chrono::seconds kHeartbeatAfter(4);

}  // namespace

WatchReactor::WatchReactor(const Deps& deps,
                           grpc::CallbackServerContext* context,
                           std::shared_ptr<Job> job,
                           const v1::WatchJobRequest& request)
    : deps_(deps),
      context_(context),
      job_(std::move(job)),
      interest_id_(request.interest_id()),
      cursor_(request.after_seq() < 0 ? 0 : request.after_seq()),
      last_write_(std::chrono::steady_clock::now()) {
  absl::StatusOr<int64_t> hub_id =
      deps_.hub.Add(context->peer(), [this] { Pump(); });
  if (!hub_id.ok()) {
    {
      MutexLock lock(mu_);
      finishing_ = true;
    }
    Finish(ToGrpcStatus(context, hub_id.status()));
    return;
  }
  hub_id_ = *hub_id;
  if (!interest_id_.empty()) {
    deps_.scheduler.AttachWatch(job_->id(), interest_id_);
  }
  log_subscription_ =
      job_->events().Subscribe([this] { deps_.hub.Wake(hub_id_); });
  deps_.hub.Wake(hub_id_);
}

bool WatchReactor::PrepareEvent() {
  const EventLog::Batch batch = job_->events().Read(cursor_, 1);
  response_.Clear();
  if (batch.gap_last != 0) {
    v1::JobEvent& event = *response_.mutable_event();
    event.set_job_id(job_->id());
    event.set_seq(batch.gap_last);
    event.mutable_gap()->set_first_seq(batch.gap_first);
    event.mutable_gap()->set_last_seq(batch.gap_last);
    cursor_ = batch.gap_last;
    return true;
  }
  if (batch.events.empty()) {
    // A reader that starts behind the end has seen everything.
    last_sent_ = last_sent_ || batch.finished;
    return false;
  }
  const JobEvent& event = batch.events.front();
  *response_.mutable_event() = ToProto(job_->id(), event, deps_.objects);
  cursor_ = event.seq;
  last_sent_ = std::holds_alternative<Finished>(event.what);
  return true;
}

bool WatchReactor::PrepareHeartbeat() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_write_ < kHeartbeatAfter) {
    return false;
  }
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
      now - job_->events().stage_started());
  v1::JobEvent& event = *response_.mutable_event();
  event.set_job_id(job_->id());
  event.set_seq(cursor_);
  *event.mutable_time() = google::protobuf::util::TimeUtil::GetCurrentTime();
  event.mutable_heartbeat()->set_stage(ToProto(job_->events().stage()));
  *event.mutable_heartbeat()->mutable_stage_elapsed() =
      google::protobuf::util::TimeUtil::MillisecondsToDuration(elapsed.count());
  return true;
}

void WatchReactor::Pump() {
  bool finish = false;
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
    if (!stuck && !cancelled_ && !last_sent_ &&
        (PrepareEvent() || (!last_sent_ && PrepareHeartbeat()))) {
      writing_ = true;
      last_write_ = std::chrono::steady_clock::now();
    } else if (!stuck && (cancelled_ || last_sent_)) {
      finishing_ = true;
      finish = true;
      cancelled = cancelled_;
    } else if (!stuck) {
      return;
    }
  }
  // Outside of the lock, because gRPC may call back from here.
  if (stuck) {
    // The write ends with an error then.
    context_->TryCancel();
  } else if (finish) {
    Finish(cancelled ? grpc::Status::CANCELLED : grpc::Status::OK);
  } else {
    StartWrite(&response_);
  }
}

void WatchReactor::OnWriteDone(bool ok) {
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

void WatchReactor::OnCancel() {
  {
    MutexLock lock(mu_);
    cancelled_ = true;
  }
  // Its place shall be free at once.
  Pump();
}

void WatchReactor::OnDone() {
  if (hub_id_ != 0) {
    deps_.hub.Remove(hub_id_);
    job_->events().Unsubscribe(log_subscription_);
    if (!interest_id_.empty()) {
      deps_.scheduler.DetachWatch(job_->id(), interest_id_);
    }
  }
  delete this;
}

}  // namespace bottled
