// Peers: which client is behind a call.
//
// gRPC calls the peer of a connection that it was given as a descriptor
// "fd:N" (measured with 1.51), and never tells more. Whoever accepts notes here
// what the kernel said about N. Numbers are used again, so the answer is good
// enough for fairness and limits, and for nothing that must be secure.

#ifndef BOTTLED_RPC_PEERS_H_
#define BOTTLED_RPC_PEERS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace bottled {

// Thread-safe.
class Peers {
 public:
  // `fd` is what gRPC gets, `pid` the other side's process, 0 when unknown.
  // Returns an ID for Remove().
  int64_t Add(int fd, pid_t pid);
  // The connection is closed. Its number may belong to another one by now.
  void Remove(int64_t id);

  // One text per client: processes of one session (a terminal, a service) are
  // one client. `peer` is ServerContext::peer(); that itself when unknown.
  std::string ClientOf(const std::string& peer) const;

 private:
  struct Peer {
    int64_t id;
    std::string client;
  };

  mutable Mutex mu_;
  int64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  // By ServerContext::peer().
  std::map<std::string, Peer> peers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_RPC_PEERS_H_
