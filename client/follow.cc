#include "client/follow.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "bottled/v1/bottled.pb.h"
#include "client/errors.h"
#include "client/upload.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// As long as a service manager may take to start a daemon again, and that one
// to look after its disk.
constexpr seconds kComeBackTime(30);
// A daemon that dies again and again is not started for ever.
constexpr int kMaxLosses = 10;
constexpr milliseconds kShortestPause(100);
constexpr milliseconds kLongestPause(1000);
constexpr milliseconds kTick(100);
// Six heartbeats.
constexpr seconds kSilence(30);
constexpr seconds kCancelTimeout(5);
// How long the work may take to stop.
constexpr seconds kStopTimeout(10);

bool IsTerminal(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED ||
         state == v1::JOB_STATE_CANCELLED || state == v1::JOB_STATE_INTERRUPTED;
}

absl::StatusOr<v1::Artifact> ToResult(const v1::Finished& finished) {
  switch (finished.result_case()) {
    case v1::Finished::kArtifact:
      return finished.artifact();
    case v1::Finished::kFailure:
      return ToStatus(finished.failure());
    case v1::Finished::kCancelled:
      return ToStatus(finished.cancelled());
    default:
      return BadAnswer("WatchJob", "the job's end says nothing");
  }
}

class Follower {
 public:
  Follower(Session& session, const FollowSpec& spec, EventSink& sink)
      : session_(session), spec_(spec), sink_(sink), after_(spec.after_seq) {}

  absl::StatusOr<v1::Artifact> Run() {
    ASSIGN_OR_RETURN(channel_, session_.Connect());
    Watch();
    if (!spec_.upload_id.empty()) {
      upload_.emplace(*channel_, spec_.upload_id, spec_.upload_fd);
    }
    while (true) {
      RETURN_IF_ERROR(Step());
      if (finished_.has_value()) {
        return leaving_.ok() ? ToResult(*finished_) : leaving_;
      }
      if (watch_->done()) {
        RETURN_IF_ERROR(Resume());
      }
      if (stop_by_.has_value() && steady_clock::now() >= *stop_by_) {
        return leaving_;
      }
    }
  }

 private:
  void Watch() {
    v1::WatchJobRequest request;
    request.set_job_id(spec_.job_id);
    request.set_after_seq(after_);
    request.set_interest_id(spec_.interest_id);
    watch_ = StartCall(*channel_, "WatchJob", std::nullopt);
    watch_->Send(request.SerializeAsString());
    watch_->CloseSend();
    heard_ = steady_clock::now();
  }

  // Waits for something and deals with it.
  absl::Status Step() {
    std::array<pollfd, 2> fds = {{
        {.fd = leaving_.ok() ? spec_.interrupt_fd : -1,
         .events = POLLIN,
         .revents = 0},
        {.fd = upload_.has_value() ? upload_->fd() : -1,
         .events = POLLIN,
         .revents = 0},
    }};
    channel_->Poll(fds, steady_clock::now() + kTick);
    RETURN_IF_ERROR(Drain());
    if (finished_.has_value()) {
      return absl::OkStatus();
    }
    if (fds[1].revents != 0) {
      if (absl::Status status = upload_->OnReadable(); !status.ok()) {
        RETURN_IF_ERROR(Leave(std::move(status)));
      }
    }
    if (fds[0].revents != 0) {
      RETURN_IF_ERROR(Leave(CancelledError()));
    }
    if (leaving_.ok() && !sink_.status().ok()) {
      RETURN_IF_ERROR(Leave(sink_.status()));
    }
    if (!watch_->done() && steady_clock::now() - heard_ > kSilence) {
      watch_->Cancel();
    }
    sink_.OnTick();
    return absl::OkStatus();
  }

  absl::Status Drain() {
    while (const std::optional<std::string> message = watch_->Take()) {
      v1::WatchJobResponse response;
      if (!response.ParseFromString(*message)) {
        return BadAnswer("WatchJob", "unreadable message");
      }
      heard_ = steady_clock::now();
      after_ = std::max(after_, response.event().seq());
      if (std::exchange(lost_at_, std::nullopt).has_value() &&
          !response.event().has_finished()) {
        sink_.OnNotice("connected to the daemon again; the job goes on");
      }
      sink_.OnEvent(response.event());
      if (response.event().has_finished()) {
        finished_ = response.event().finished();
      }
    }
    return absl::OkStatus();
  }

  // Withdraws our interest. An error is the end of the following; OK means that
  // the job's end is still to come.
  absl::Status Leave(absl::Status why) {
    leaving_ = std::move(why);
    if (spec_.interest_id.empty()) {
      return leaving_;
    }
    sink_.OnNotice("cancelling (again to leave at once)");
    v1::CancelJobRequest request;
    request.set_job_id(spec_.job_id);
    request.set_interest_id(spec_.interest_id);
    // The daemon also sees the connection go, so errors change nothing.
    const absl::StatusOr<v1::CancelJobResponse> answer =
        Unary<v1::CancelJobResponse>(*channel_, "CancelJob", request,
                                     kCancelTimeout);
    if (!answer.ok()) {
      return leaving_;
    }
    const v1::JobState state = answer->job().state();
    if (state != v1::JOB_STATE_CANCELLING && !IsTerminal(state)) {
      sink_.OnNotice("the job goes on for others");
      return leaving_;
    }
    stop_by_ = steady_clock::now() + kStopTimeout;
    return absl::OkStatus();
  }

  // The stream ended without the job's end.
  absl::Status Resume() {
    absl::Status why = CallStatus(*watch_);
    const bool broken = why.ok() || absl::IsUnavailable(why) ||
                        absl::IsCancelled(why) || absl::IsInternal(why);
    if (!leaving_.ok()) {
      return leaving_;
    }
    if (!broken) {
      return why;
    }
    // What could not be sent is lost; the job will say so.
    upload_.reset();
    if (++losses_ > kMaxLosses) {
      return DaemonLost(why);
    }
    if (!lost_at_.has_value()) {
      lost_at_ = steady_clock::now();
    }
    for (milliseconds pause = kShortestPause;
         steady_clock::now() < *lost_at_ + kComeBackTime;
         pause = std::min(pause * 2, kLongestPause)) {
      pollfd interrupt = {
          .fd = spec_.interrupt_fd, .events = POLLIN, .revents = 0};
      if (::poll(&interrupt, 1, static_cast<int>(pause.count())) > 0) {
        return CancelledError();
      }
      watch_.reset();
      session_.Disconnect();
      // It may start a daemon: one that was stopped would have told the job's
      // end, so this one died, and the job waits for the next.
      const absl::StatusOr<GrpcChannel*> channel = session_.Connect();
      if (channel.ok()) {
        channel_ = *channel;
        Watch();
        return absl::OkStatus();
      }
      why = channel.status();
    }
    return HasReason(why, "DAEMON_START_FAILED") ? why : DaemonLost(why);
  }

  Session& session_;
  const FollowSpec& spec_;
  EventSink& sink_;
  GrpcChannel* channel_ = nullptr;
  std::unique_ptr<GrpcCall> watch_;
  std::optional<Upload> upload_;
  int64_t after_;
  TimePoint heard_;
  // Since when nothing was heard because of a broken stream.
  std::optional<TimePoint> lost_at_;
  int losses_ = 0;
  // Why we leave; OK while we do not.
  absl::Status leaving_;
  std::optional<TimePoint> stop_by_;
  std::optional<v1::Finished> finished_;
};

}  // namespace

absl::StatusOr<v1::Artifact> Follow(Session& session, const FollowSpec& spec,
                                    EventSink& sink) {
  absl::StatusOr<v1::Artifact> result = Follower(session, spec, sink).Run();
  // A reader that has gone is the reason, whatever the job came to.
  if (result.ok() || sink.status().ok()) {
    return result;
  }
  return sink.status();
}

}  // namespace bottled::client
