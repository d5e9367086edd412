// GrpcChannel: gRPC calls over one connected Unix socket, by one thread.
//
// Why not gRPC's own library: linked statically, a process that makes one call
// and ends takes three to four times as long with it, most of that for starting
// threads, pollers and registries that a command-line tool has no use for; see
// docs/performance.md. Here nghttp2 does HTTP/2 (frames, HPACK, flow control)
// and this file the little that gRPC adds: unary, client-streaming and
// server-streaming calls are all "send messages, receive messages, get a
// status". Source of the mapping: grpc/grpc doc/PROTOCOL-HTTP2.md.
//
// Everything happens inside of Poll(): nothing is sent or received elsewhere,
// so a caller can wait for several calls, a signal and standard input at once.
// Not thread-safe. Everything the other side sends is bounded.

#ifndef BOTTLED_CLIENT_GRPC_CHANNEL_H_
#define BOTTLED_CLIENT_GRPC_CHANNEL_H_

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/grpc_call.h"
#include "platform/fd.h"

struct nghttp2_session;

namespace bottled::client {

class GrpcChannel {
 public:
  // Takes a connected stream socket over. Sends nothing yet.
  static absl::StatusOr<std::unique_ptr<GrpcChannel>> Create(Fd socket);

  ~GrpcChannel();
  GrpcChannel(const GrpcChannel&) = delete;
  GrpcChannel& operator=(const GrpcChannel&) = delete;

  // Starts a call of `path`, "/package.Service/Method". `timeout` is told to
  // the server and kept here as well. Never fails: an error is the call's.
  std::unique_ptr<GrpcCall> Start(
      std::string path,
      std::optional<std::chrono::milliseconds> timeout = std::nullopt);

  // Sends what is queued, then waits until bytes arrive, one of `others` is
  // ready (its revents tell), a call's deadline passes, or `until`; takes what
  // arrived. A signal ends the wait too. Look at the calls afterwards.
  void Poll(std::span<pollfd> others, TimePoint until);

  // OK until the connection has ended; all calls end with it.
  const absl::Status& status() const { return status_; }

  int fd() const { return socket_.get(); }

 private:
  friend class GrpcCall;
  // The functions that nghttp2 calls.
  struct Callbacks;

  explicit GrpcChannel(Fd socket) : socket_(std::move(socket)) {}

  GrpcCall* Find(int32_t stream_id) const;
  // Ends the call and takes it out of the table.
  void Finish(GrpcCall& call, absl::Status status);
  // The same, and tells the server (an HTTP/2 error code).
  void Reset(GrpcCall& call, uint32_t error_code, absl::Status status);
  void Cancel(GrpcCall& call);
  // Ends the call as the trailers say.
  void FinishByTrailers(GrpcCall& call);
  void Resume(GrpcCall& call);

  void Flush();
  void Receive();
  void ExpireCalls();
  void Fail(std::string_view why);

  Fd socket_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, GrpcCall*> calls_;
  std::string out_;
  absl::Status status_;
};

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_GRPC_CHANNEL_H_
