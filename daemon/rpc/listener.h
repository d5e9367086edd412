// Listener: accepts connections on Unix sockets and hands on those of this
// user. One loop serves sockets that we bound and sockets that systemd or
// launchd gave us.
//
// The kernel's word on the peer's uid is taken before a byte is read, since
// gRPC 1.51 never exposes it. A connection is counted until either side closes
// it: gRPC gets a duplicate of the descriptor, and we watch the original.

#ifndef BOTTLED_RPC_LISTENER_H_
#define BOTTLED_RPC_LISTENER_H_

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "platform/fd.h"

namespace bottled {

class Listener {
 public:
  // Takes over an accepted, non-blocking connection. Called in the listener's
  // thread; must not block.
  using OnConnection = std::function<void(Fd connection)>;

  struct Options {
    // Only peers of this uid are served; others are closed unread.
    uid_t uid = 0;
    int max_connections = 256;
  };

  static absl::StatusOr<std::unique_ptr<Listener>> Start(
      const Options& options, std::vector<Fd> sockets,
      OnConnection on_connection);
  ~Listener();

  // Stops accepting and joins the thread. Connections live on. Idempotent.
  void Stop();

 private:
  Listener(const Options& options, std::vector<Fd> sockets, Fd wake_read,
           Fd wake_write, OnConnection on_connection);

  void Run();
  void Accept(int socket);
  void Admit(Fd connection);
  // A full descriptor table must not make the loop spin on a waiting
  // connection: the spare is given up to accept and close it.
  void AcceptWithSpare(int socket);

  // Constant after construction.
  const Options options_;
  const OnConnection on_connection_;
  const Fd wake_read_;
  const Fd wake_write_;

  // Used by the thread alone.
  std::vector<Fd> sockets_;
  std::vector<Fd> connections_;
  Fd spare_;
  int64_t refused_ = 0;

  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_LISTENER_H_
