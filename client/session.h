// Session: one run of bottlectl's dealings with the daemon.
//
// How client and daemon interact
// ------------------------------
// There is one daemon per user and state directory, and it is found through one
// Unix socket, whose path follows from flags and environment alone
// (platform/places.h). Nothing else is shared: no pid file, no port, no cookie.
// The directory of the socket is private, and the kernel tells both sides the
// user on the other end, so whoever can connect may talk, and nobody else.
//
// Finding. The client checks that the socket and its directory are its own,
// connects, and asks the kernel who listens. A refused connection or a missing
// file means that there is no daemon; everything else is an error, because
// guessing around it could mean talking to a stranger.
//
// Starting. Without a daemon, and unless --no-start is given, the client takes
// an flock on START in the state directory and tries to connect again: of N
// clients that come at once one gets the lock first and starts `bottled`; the
// others wait for the lock and then find it running. The daemon gets a session
// of its own, so that Ctrl-C in the terminal does not reach it, /dev/null as
// input and a log file as output. The client polls the socket, at most 10 s. If
// the daemon ends meanwhile, the end of its log is the error; except for exit
// code 75, "another one has the state directory", which is a daemon that just
// began or is about to end: the client waits for the one, and starts again
// after the other. The daemon protects itself with a lock of its own (LOCK), so
// START is only politeness: without it N daemons would begin and N - 1 end.
// Where systemd or launchd owns the socket, connecting starts the daemon and
// none of this happens.
// Considered and dropped: the client waiting for a byte from the daemon through
// a pipe. It would save a few milliseconds once, and need a protocol that a
// service manager's daemon does not speak.
//
// Talking. One connection, HTTP/2, gRPC (grpc_channel.h). A command is a few
// unary calls. If the very first call finds that the connection has ended, the
// daemon was just leaving: the client connects, perhaps starts, and calls once
// more; Pack has a request_id, but for uploads, so that even so it is one
// request. Every unary call has a deadline. The client resolves the engine's
// address from its own environment and sends it, since the daemon was started
// in another one. A cached artifact is the answer to Pack itself: one round
// trip, and the process is over.
//
// Watching. Otherwise Pack answers with a job and an interest_id, and the
// client calls WatchJob with both. Events are numbered; the last one is
// `finished`. There is one at least every 5 seconds, so 30 seconds of silence
// count as a broken stream. A broken stream is resumed for 30 seconds: connect
// again, starting a daemon if that is allowed, and WatchJob with after_seq. The
// daemon drops the interest when its stream breaks and takes it up again when a
// stream names it within its grace time; a new daemon takes up the jobs of one
// that died, and whoever watches them. A stream that ends in order but without
// `finished` is resumed in the same way.
//
// Preparing. Prepare answers like Pack, with the plan so far beside the job; at
// the job's end the client asks Resolve, with the artifact, for the whole plan.
//
// Changes. WatchEvents is one stream without an end. It is not resumed: after a
// break nobody knows what was missed, so the command ends and says so.
//
// Uploading. `--archive -` sends standard input in UploadArchive while WatchJob
// runs, both on the one connection. An upload cannot be resumed; if it ends
// early, the job's end says why.
//
// Cancelling. An interest is the caller's own: the work stops when the last one
// goes. The first Ctrl-C sends CancelJob with the interest. If the job ends by
// that, the client waits for its last event, so that "cancelled" on the screen
// means that the work has stopped; if others still want it, the client leaves
// at once. The second Ctrl-C leaves without a word, and so does a kill: the
// interest was made with cancel_on_disconnect, so the daemon sees the
// connection go and does the same. A reader of standard output who goes away is
// a Ctrl-C. `pack --detach` makes an interest that lasts, and prints the job.
//
// Stopping. `daemon stop` asks GetInfo for the pid and sends SIGTERM, but only
// if the kernel names the same pid as the socket's owner. It differs when a
// service manager made the socket; then stopping is that one's business.
//
// Not thread-safe; bottlectl has one thread.

#ifndef BOTTLED_CLIENT_SESSION_H_
#define BOTTLED_CLIENT_SESSION_H_

#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/error.h"
#include "client/connection.h"
#include "client/starter.h"
#include "client/stub.h"

namespace bottled::client {

class Session {
 public:
  // Connects to nothing yet.
  Session(StartSpec spec, bool may_start)
      : spec_(std::move(spec)), may_start_(may_start) {}

  const Places& places() const { return spec_.places; }

  // The connection, made now if there is none; starts a daemon if it may. Valid
  // until the next Connect() or Reconnect().
  absl::StatusOr<GrpcChannel*> Connect();

  // Drops the connection and makes a new one, without starting a daemon.
  absl::StatusOr<GrpcChannel*> Reconnect();

  void Disconnect() { connection_.reset(); }

  // Who listens. Only when connected.
  const PeerCredentials& peer() const { return connection_->peer; }

  // Connects if need be, and makes a unary call; see UnaryCall().
  template <typename Response>
  absl::StatusOr<Response> Call(std::string_view method,
                                const google::protobuf::MessageLite& request,
                                Timeout timeout = kShortTimeout,
                                int interrupt_fd = -1) {
    Response response;
    absl::Status status =
        CallAny(method, request, &response, timeout, interrupt_fd);
    if (!status.ok()) {
      return status;
    }
    return response;
  }

 private:
  absl::Status CallAny(std::string_view method,
                       const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite* response, Timeout timeout,
                       int interrupt_fd);

  const StartSpec spec_;
  const bool may_start_;
  std::optional<Connection> connection_;
  // A call has succeeded on some connection.
  bool talked_ = false;
};

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_SESSION_H_
