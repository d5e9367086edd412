#include "rpc/hold_reactor.h"

#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "jobs/errors.h"
#include "rpc/convert.h"
#include "rpc/convert_cache.h"
#include "rpc/convert_source.h"
#include "rpc/errors.h"
#include "rpc/grpc_status.h"

namespace bottled {
namespace {

// The contract promises a message every five seconds; ticks come once a second.
constexpr std::chrono::seconds kLookAfter(4);
constexpr size_t kMaxHolderText = 4096;
constexpr size_t kFeedBatch = 256;

}  // namespace

HoldReactor::HoldReactor(const Deps& deps, grpc::CallbackServerContext* context,
                         const v1::HoldLeaseRequest& request)
    : deps_(deps),
      context_(context),
      request_(request),
      // Before the look at the artifact: nothing is missed in between.
      cursor_(deps.feed.last_seq()),
      looked_(std::chrono::steady_clock::now()) {
  const absl::StatusOr<int64_t> hub_id =
      deps_.hub.Add(context->peer(), [this] { Pump(); });
  if (!hub_id.ok()) {
    {
      MutexLock lock(mu_);
      error_ = hub_id.status();
      finishing_ = true;
    }
    Finish();
    return;
  }
  hub_id_ = *hub_id;
  feed_subscription_ =
      deps_.feed.Subscribe([this] { deps_.hub.Wake(hub_id_); });
  {
    MutexLock lock(mu_);
    busy_ = true;
  }
  deps_.tasks.Post([this, &hub = deps_.hub, id = hub_id_] {
    const absl::Status begun = Begin();
    {
      MutexLock lock(mu_);
      busy_ = false;
      error_ = begun;
      if (begun.ok()) {
        digest_ = hold_->artifact().digest.ToString();
        // What the feed said meanwhile was not compared with it.
        doubtful_ = true;
      }
    }
    // The stream may be over by now.
    hub.Wake(id);
  });
}

absl::Status HoldReactor::Begin() {
  RETURN_IF_ERROR(CheckText(request_.holder(), kMaxHolderText, "The holder"));
  switch (request_.what_case()) {
    case v1::HoldLeaseRequest::kLeaseId: {
      ASSIGN_OR_RETURN(hold_, Hold::Resume(deps_.hold, request_.lease_id()));
      break;
    }
    case v1::HoldLeaseRequest::kDigest: {
      ASSIGN_OR_RETURN(const ArtifactRecord record,
                       deps_.packs.FindArtifact(request_.digest()));
      ASSIGN_OR_RETURN(
          hold_, Hold::Begin(deps_.hold, record.digest, request_.holder()));
      break;
    }
    case v1::HoldLeaseRequest::WHAT_NOT_SET:
      return BadRequest("HoldLease needs lease_id or digest");
  }
  v1::Held& held = *response_.mutable_held();
  *held.mutable_lease() = ToProto(hold_->lease());
  *held.mutable_artifact() =
      ToProto(hold_->artifact(), deps_.hold.objects.Path(hold_->artifact()));
  return absl::OkStatus();
}

void HoldReactor::Look() {
  WatchHub& hub = deps_.hub;
  const int64_t id = hub_id_;
  absl::StatusOr<std::string> lost = hold_->Lost();
  if (!lost.ok()) {
    // It is looked again soon.
    Log("rpc")->warn("cannot look after a lease: {}",
                     std::string(lost.status().message()));
    lost = "";
  }
  {
    MutexLock lock(mu_);
    busy_ = false;
    lost_ = *std::move(lost);
    if (lost_.empty()) {
      response_.mutable_still_held();
    } else {
      response_.mutable_lost()->set_reason(lost_);
    }
  }
  // The stream may be over by now.
  hub.Wake(id);
}

void HoldReactor::ReadFeed() {
  while (!closed_) {
    const ChangeFeed::Batch batch = deps_.feed.Since(cursor_, kFeedBatch);
    cursor_ = batch.cursor;
    closed_ = batch.closed;
    doubtful_ = doubtful_ || batch.reset;
    for (const Change& change : batch.changes) {
      doubtful_ = doubtful_ || (change.kind == ChangeKind::kArtifactRemoved &&
                                change.id == digest_);
    }
    if (batch.changes.empty()) {
      return;
    }
  }
}

bool HoldReactor::PrepareMessage() {
  if (response_.what_case() == v1::HoldLeaseResponse::WHAT_NOT_SET) {
    return false;
  }
  said_lost_ = response_.has_lost();
  return true;
}

void HoldReactor::Pump() {
  bool write = false;
  bool look = false;
  bool stuck = false;
  {
    MutexLock lock(mu_);
    if (finishing_) {
      return;
    }
    if (busy_) {
      stuck = writing_ && std::chrono::steady_clock::now() - wrote_ >
                              WatchHub::kMaxWriteTime;
      writing_ = writing_ && !stuck;
      if (!stuck) {
        return;
      }
    } else {
      ReadFeed();
    }
    if (stuck) {
      // Still busy: the write ends with an error soon.
    } else if (cancelled_ || !error_.ok() || said_lost_) {
      finishing_ = true;
    } else if (PrepareMessage()) {
      write = busy_ = writing_ = true;
      wrote_ = std::chrono::steady_clock::now();
    } else if (closed_) {
      finishing_ = true;
      error_ = ShuttingDown();
    } else if (doubtful_ ||
               std::chrono::steady_clock::now() - looked_ > kLookAfter) {
      look = busy_ = true;
      doubtful_ = false;
      looked_ = std::chrono::steady_clock::now();
    } else {
      return;
    }
  }
  // Outside of the lock, because gRPC may call back from here.
  if (stuck) {
    context_->TryCancel();
  } else if (write) {
    StartWrite(&response_);
  } else if (look) {
    deps_.tasks.Post([this] { Look(); });
  } else {
    Finish();
  }
}

void HoldReactor::Finish() {
  absl::Status error;
  bool cancelled = false;
  {
    MutexLock lock(mu_);
    error = error_;
    cancelled = cancelled_;
  }
  grpc::ServerWriteReactor<v1::HoldLeaseResponse>::Finish(
      cancelled ? grpc::Status::CANCELLED : ToGrpcStatus(context_, error));
}

void HoldReactor::OnWriteDone(bool ok) {
  {
    MutexLock lock(mu_);
    busy_ = false;
    writing_ = false;
    cancelled_ = cancelled_ || !ok;
    response_.Clear();
  }
  deps_.hub.Wake(hub_id_);
}

void HoldReactor::OnCancel() {
  {
    MutexLock lock(mu_);
    cancelled_ = true;
  }
  // Its place shall be free at once.
  Pump();
}

void HoldReactor::OnDone() {
  if (hub_id_ != 0) {
    deps_.hub.Remove(hub_id_);
    deps_.feed.Unsubscribe(feed_subscription_);
  }
  if (hold_ != nullptr) {
    // Its end may have to wait for the disk.
    deps_.tasks.Post([hold = std::move(hold_)]() mutable { hold.reset(); });
  }
  delete this;
}

}  // namespace bottled
