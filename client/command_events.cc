#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/status_macros.h"
#include "bottled/v1/bottled.pb.h"
#include "client/commands.h"
#include "client/describe_bottles.h"
#include "client/errors.h"
#include "client/interrupt.h"
#include "client/json.h"

namespace bottled::client {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kTick(1);
// Six heartbeats.
constexpr std::chrono::seconds kSilence(30);

void Print(const v1::ChangeEvent& event, Output& out) {
  if (event.kind() == v1::ChangeEvent::KIND_HEARTBEAT) {
    return;
  }
  if (out.json()) {
    out.JsonLine("event", ToJson(event));
  } else {
    out.Result(DescribeChange(event));
  }
}

}  // namespace

// A stream that ends is an error, and not resumed: numbers mean something
// within one life of the daemon only, and nobody may miss a change unseen.
absl::Status RunEvents(const Context& context) {
  const Interrupt interrupt;
  v1::WatchEventsRequest request;
  request.set_after_seq(context.options.after_seq);
  // A daemon that is just leaving shows at the first call; this one is made
  // again.
  RETURN_IF_ERROR(
      context.session.Call<v1::GetInfoResponse>("GetInfo", v1::GetInfoRequest())
          .status());
  ASSIGN_OR_RETURN(GrpcChannel* const channel, context.session.Connect());
  const std::unique_ptr<GrpcCall> call =
      StartCall(*channel, "WatchEvents", std::nullopt);
  call->Send(request.SerializeAsString());
  call->CloseSend();
  // Nothing may happen for hours: a reader who goes away shows at once, and not
  // with the next line.
  std::array<pollfd, 2> wake = {{
      {.fd = interrupt.fd(), .events = POLLIN, .revents = 0},
      {.fd = STDOUT_FILENO, .events = 0, .revents = 0},
  }};
  auto heard = steady_clock::now();
  while (context.out.status().ok()) {
    channel->Poll(wake, steady_clock::now() + kTick);
    while (const std::optional<std::string> message = call->Take()) {
      v1::WatchEventsResponse response;
      if (!response.ParseFromString(*message)) {
        return BadAnswer("WatchEvents", "unreadable message");
      }
      heard = steady_clock::now();
      Print(response.event(), context.out);
    }
    if (wake[0].revents != 0) {
      // The only way to end it, so no error.
      return absl::OkStatus();
    }
    if (wake[1].revents != 0) {
      return WriteFailed(EPIPE);
    }
    if (call->done()) {
      RETURN_IF_ERROR(CallStatus(*call));
      return ConnectionLost("there will be no more events");
    }
    if (steady_clock::now() - heard > kSilence) {
      return ConnectionLost("the daemon says nothing any more");
    }
  }
  // run.cc reports it.
  return absl::OkStatus();
}

}  // namespace bottled::client
