// Server: gRPC on connections that the Listener admits, with health and
// reflection.
//
// gRPC binds nothing itself: accepted descriptors are handed over with
// AddInsecureChannelFromFd, which is enough because the uid was checked.

#ifndef BOTTLED_RPC_SERVER_H_
#define BOTTLED_RPC_SERVER_H_

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "grpcpp/server.h"
#include "platform/fd.h"
#include "rpc/listener.h"
#include "rpc/service.h"

namespace bottled {

class Server {
 public:
  struct Options {
    uid_t uid = 0;
    int max_connections = 256;
    int max_connections_per_process = 64;
    // As in Listener::Options.
    Peers* peers = nullptr;
  };

  // Serves at once. `service` must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options,
                                                       std::vector<Fd> sockets,
                                                       BottledService& service);
  ~Server();

  // Accepts no more connections; calls go on. For draining.
  void StopAccepting();
  // Ends: health says NOT_SERVING, calls get until `grace` and are cancelled
  // then. Blocks until all handlers are done. Idempotent.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  explicit Server(std::unique_ptr<grpc::Server> server)
      : server_(std::move(server)) {}

  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace bottled

#endif  // BOTTLED_RPC_SERVER_H_
