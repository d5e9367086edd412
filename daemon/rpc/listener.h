// Listener: accepts connections on Unix sockets and hands on those of this
// user. One loop serves sockets that we bound and sockets that systemd or
// launchd gave us.
//
// A full table of descriptors makes it refuse connections, or look away for a
// moment, but never spin. Refusals are logged once a minute.
//
// The kernel's word on the peer's uid is taken before a byte is read, since
// gRPC 1.51 never exposes it. A connection is counted until either side closes
// it: gRPC gets a duplicate of the descriptor, and we watch the original.

#ifndef BOTTLED_RPC_LISTENER_H_
#define BOTTLED_RPC_LISTENER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "platform/fd.h"
#include "rpc/peers.h"

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
    // Of one process, where the system tells its ID.
    int max_connections_per_process = 64;
    // Hears who is connected. May be null; outlives the listener.
    Peers* peers = nullptr;
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

  struct Connection {
    Fd fd;
    pid_t pid = 0;
    int64_t peer = 0;  // in Options::peers
  };

  void Run();
  void Drop(size_t index);
  void Accept(int socket);
  void Admit(Fd connection);
  // Notes a connection that was turned away.
  void Refuse(std::string_view why);
  // A full descriptor table must not make the loop spin on a waiting
  // connection: the spare is given up to accept and close it. Sets starved_
  // when not even that works.
  void AcceptWithSpare(int socket);

  // Constant after construction.
  const Options options_;
  const OnConnection on_connection_;
  const Fd wake_read_;
  const Fd wake_write_;

  // Used by the thread alone.
  std::vector<Fd> sockets_;
  std::vector<Connection> connections_;
  Fd spare_;
  // Somebody waits whom we cannot even turn away.
  bool starved_ = false;
  int64_t refused_ = 0;
  std::optional<std::chrono::steady_clock::time_point> complained_;

  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_LISTENER_H_
