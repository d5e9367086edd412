#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bottled/v1/bottled.pb.h"
#include "client/commands.h"
#include "client/describe.h"
#include "client/errors.h"
#include "client/interrupt.h"
#include "client/json.h"
#include "fmt/format.h"
#include "platform/find_program.h"

namespace bottled::client {
namespace {

using std::chrono::steady_clock;

constexpr size_t kMaxHolderBytes = 256;
constexpr std::chrono::seconds kLookEvery(1);
// Six heartbeats.
constexpr std::chrono::seconds kHoldSilence(30);
// So long a new daemon keeps the lease for us, and so often we look for it.
constexpr std::chrono::seconds kComeBack(60);
constexpr int kComeBackPauseMs = 500;

std::string HolderName(const Options& options) {
  std::string name = options.holder;
  if (name.empty() && !options.words.empty()) {
    name = options.words.front();
  }
  if (name.empty()) {
    name = "bottlectl";
  }
  return name.substr(0, kMaxHolderBytes);
}

absl::StatusOr<v1::Lease> Acquire(const Context& context,
                                  const v1::LeaseSpec& spec) {
  v1::AcquireLeaseRequest request;
  request.set_digest(context.options.digests.front());
  *request.mutable_spec() = spec;
  ASSIGN_OR_RETURN(
      v1::AcquireLeaseResponse response,
      context.session.Call<v1::AcquireLeaseResponse>("AcquireLease", request));
  return std::move(*response.mutable_lease());
}

absl::Status Release(const Context& context, const std::string& id) {
  v1::ReleaseLeaseRequest request;
  request.set_lease_id(id);
  return context.session.Call<v1::ReleaseLeaseResponse>("ReleaseLease", request)
      .status();
}

// Becomes the program. Returns only what went wrong.
absl::Status Become(const std::string& program,
                    const std::vector<std::string>& words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) {
    // execv() takes pointers to non-const and does not write.
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  // main() ignores it, and that would be passed on.
  ::signal(SIGPIPE, SIG_DFL);
  ::execv(program.c_str(), argv.data());
  const int error = errno;
  ::signal(SIGPIPE, SIG_IGN);
  return ErrnoError(error, "run " + Printable(program));
}

// Leases for this process, which then becomes the program: the lease ends with
// it, whatever happens to it.
absl::Status HoldForProgram(const Context& context) {
  std::vector<std::string> words = context.options.words;
  ASSIGN_OR_RETURN(const std::string program,
                   FindProgram(words.front(), context.env_list));
  v1::LeaseSpec spec;
  spec.set_holder(HolderName(context.options));
  spec.set_pid(::getpid());
  ASSIGN_OR_RETURN(const v1::Lease lease, Acquire(context, spec));
  v1::GetArtifactRequest request;
  request.set_digest(lease.artifact());
  ASSIGN_OR_RETURN(
      const v1::GetArtifactResponse answer,
      context.session.Call<v1::GetArtifactResponse>("GetArtifact", request));
  std::replace(words.begin(), words.end(), std::string("{}"),
               answer.artifact().path());
  absl::Status failed = Become(program, words);
  // The lease would end with us as well.
  Release(context, lease.id()).IgnoreError();
  return failed;
}

// A stream that keeps the artifact until it is interrupted.
class Holding {
 public:
  explicit Holding(const Context& context) : context_(context) {}

  absl::Status Run() {
    // A daemon that is just leaving shows at the first call; this one is made
    // again.
    RETURN_IF_ERROR(
        context_.session
            .Call<v1::GetInfoResponse>("GetInfo", v1::GetInfoRequest())
            .status());
    ASSIGN_OR_RETURN(channel_, context_.session.Connect());
    Start();
    while (context_.out.status().ok()) {
      RETURN_IF_ERROR(Step());
      if (done_) {
        return absl::OkStatus();
      }
      if (call_->done()) {
        RETURN_IF_ERROR(ComeBack(CallStatus(*call_)));
      }
    }
    // run.cc reports it.
    return absl::OkStatus();
  }

 private:
  void Start() {
    v1::HoldLeaseRequest request;
    if (lease_id_.empty()) {
      request.set_digest(context_.options.digests.front());
      request.set_holder(HolderName(context_.options));
    } else {
      request.set_lease_id(lease_id_);
    }
    call_ = StartCall(*channel_, "HoldLease", std::nullopt);
    call_->Send(request.SerializeAsString());
    call_->CloseSend();
    heard_ = steady_clock::now();
  }

  absl::Status Step() {
    // A reader who goes away shows at once, and not with the next line.
    std::array<pollfd, 2> wake = {{
        {.fd = interrupt_.fd(), .events = POLLIN, .revents = 0},
        {.fd = STDOUT_FILENO, .events = 0, .revents = 0},
    }};
    channel_->Poll(wake, steady_clock::now() + kLookEvery);
    while (const std::optional<std::string> message = call_->Take()) {
      v1::HoldLeaseResponse response;
      if (!response.ParseFromString(*message)) {
        return BadAnswer("HoldLease", "unreadable message");
      }
      heard_ = steady_clock::now();
      RETURN_IF_ERROR(Hear(response));
    }
    if (wake[0].revents != 0) {
      done_ = true;
      // The grace would be for nothing. If it fails, it has an end anyway.
      if (!lease_id_.empty()) {
        Release(context_, lease_id_).IgnoreError();
      }
      return absl::OkStatus();
    }
    if (wake[1].revents != 0) {
      return WriteFailed(EPIPE);
    }
    if (!call_->done() && steady_clock::now() - heard_ > kHoldSilence) {
      call_->Cancel();
    }
    return absl::OkStatus();
  }

  absl::Status Hear(const v1::HoldLeaseResponse& response) {
    if (response.has_lost()) {
      return LeaseLost(response.lost().reason());
    }
    if (response.has_held() && lease_id_.empty()) {
      lease_id_ = response.held().lease().id();
      if (context_.out.json()) {
        context_.out.JsonLine("held", ToJson(response.held()));
      } else {
        context_.out.Result(response.held().artifact().path() + "\n");
      }
    }
    return absl::OkStatus();
  }

  // The stream ended, and not because the artifact was lost.
  absl::Status ComeBack(absl::Status why) {
    if (lease_id_.empty() ||
        !(why.ok() || absl::IsUnavailable(why) || absl::IsCancelled(why) ||
          absl::IsInternal(why))) {
      return why.ok() ? ConnectionLost("nothing is held") : why;
    }
    const TimePoint until = steady_clock::now() + kComeBack;
    while (steady_clock::now() < until) {
      pollfd interrupt = {
          .fd = interrupt_.fd(), .events = POLLIN, .revents = 0};
      if (::poll(&interrupt, 1, kComeBackPauseMs) > 0) {
        done_ = true;
        return absl::OkStatus();
      }
      call_.reset();
      // Without starting one: who stopped the daemon need not have it back.
      const absl::StatusOr<GrpcChannel*> channel = context_.session.Reconnect();
      if (channel.ok()) {
        channel_ = *channel;
        Start();
        return absl::OkStatus();
      }
      why = channel.status();
    }
    return why;
  }

  const Context& context_;
  const Interrupt interrupt_;
  GrpcChannel* channel_ = nullptr;
  std::unique_ptr<GrpcCall> call_;
  TimePoint heard_;
  std::string lease_id_;
  bool done_ = false;
};

}  // namespace

absl::Status RunCacheHold(const Context& context) {
  const Options& options = context.options;
  if (!options.words.empty()) {
    return HoldForProgram(context);
  }
  if (options.hold_seconds == 0 && options.hold_pid == 0) {
    return Holding(context).Run();
  }
  v1::LeaseSpec spec;
  spec.set_holder(HolderName(options));
  if (options.hold_pid != 0) {
    spec.set_pid(options.hold_pid);
  } else {
    spec.set_ttl_seconds(options.hold_seconds);
  }
  ASSIGN_OR_RETURN(const v1::Lease lease, Acquire(context, spec));
  if (context.out.json()) {
    context.out.JsonLine("lease", ToJson(lease));
  } else {
    context.out.Result(Printable(lease.id()) + "\n");
  }
  return absl::OkStatus();
}

absl::Status RunCacheRelease(const Context& context) {
  // One after the other: those before an error are released, and printed.
  for (const std::string& id : context.options.lease_ids) {
    RETURN_IF_ERROR(Release(context, id));
    if (context.out.json()) {
      context.out.JsonLine("released", JsonString(id));
    } else {
      context.out.Result(Printable(id) + "\n");
    }
  }
  return absl::OkStatus();
}

absl::Status RunCacheLeases(const Context& context) {
  ASSIGN_OR_RETURN(const v1::ListLeasesResponse response,
                   context.session.Call<v1::ListLeasesResponse>(
                       "ListLeases", v1::ListLeasesRequest()));
  if (context.out.json()) {
    context.out.JsonLine("leases", JsonArray(response.leases()));
  } else {
    context.out.Result(DescribeLeases(response));
  }
  return absl::OkStatus();
}

}  // namespace bottled::client
