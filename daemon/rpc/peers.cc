#include "rpc/peers.h"

#include <unistd.h>

#include <utility>

#include "fmt/format.h"

namespace bottled {
namespace {

std::string ClientName(int fd, pid_t pid) {
  if (pid <= 0) {
    return fmt::format("connection {}", fd);
  }
  const pid_t session = ::getsid(pid);
  return session > 0 ? fmt::format("session {}", session)
                     : fmt::format("process {}", pid);
}

}  // namespace

int64_t Peers::Add(int fd, pid_t pid) {
  std::string client = ClientName(fd, pid);
  MutexLock lock(mu_);
  peers_.insert_or_assign(fmt::format("fd:{}", fd),
                          Peer{.id = ++last_id_, .client = std::move(client)});
  return last_id_;
}

void Peers::Remove(int64_t id) {
  MutexLock lock(mu_);
  std::erase_if(peers_,
                [id](const auto& peer) { return peer.second.id == id; });
}

std::string Peers::ClientOf(const std::string& peer) const {
  MutexLock lock(mu_);
  const auto it = peers_.find(peer);
  return it == peers_.end() ? peer : it->second.client;
}

}  // namespace bottled
