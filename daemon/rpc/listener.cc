#include "rpc/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "platform/pipe.h"
#include "platform/unix_socket.h"

namespace bottled {
namespace {

Fd OpenSpare() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// accept4() does not exist on macOS.
Fd AcceptCloexec(int socket) {
  Fd connection(::accept(socket, nullptr, nullptr));
  if (connection.valid()) {
    ::fcntl(connection.get(), F_SETFD, FD_CLOEXEC);
    ::fcntl(connection.get(), F_SETFL,
            ::fcntl(connection.get(), F_GETFL) | O_NONBLOCK);
  }
  return connection;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(
    const Options& options, std::vector<Fd> sockets,
    OnConnection on_connection) {
  ASSIGN_OR_RETURN(Pipe wake, MakePipe());
  return std::unique_ptr<Listener>(
      new Listener(options, std::move(sockets), std::move(wake.read),
                   std::move(wake.write), std::move(on_connection)));
}

Listener::Listener(const Options& options, std::vector<Fd> sockets,
                   Fd wake_read, Fd wake_write, OnConnection on_connection)
    : options_(options),
      on_connection_(std::move(on_connection)),
      wake_read_(std::move(wake_read)),
      wake_write_(std::move(wake_write)),
      sockets_(std::move(sockets)),
      spare_(OpenSpare()),
      thread_([this] { Run(); }) {}

Listener::~Listener() { Stop(); }

void Listener::Stop() {
  if (thread_.joinable()) {
    const char byte = 0;
    // The pipe is empty, so this cannot block; a failure would mean that the
    // thread already has a byte to read.
    [[maybe_unused]] const ssize_t written =
        ::write(wake_write_.get(), &byte, 1);
    thread_.join();
  }
}

void Listener::Run() {
  std::vector<pollfd> polled;
  while (true) {
    polled.clear();
    polled.push_back({.fd = wake_read_.get(), .events = POLLIN, .revents = 0});
    for (const Fd& socket : sockets_) {
      polled.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
    }
    for (const Fd& connection : connections_) {
      // No events asked for: only hang-up and error are reported.
      polled.push_back({.fd = connection.get(), .events = 0, .revents = 0});
    }
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      continue;
    }
    if (polled[0].revents != 0) {
      return;
    }
    const size_t first = 1 + sockets_.size();
    for (size_t i = polled.size(); i-- > first;) {
      if (polled[i].revents != 0) {
        connections_.erase(connections_.begin() +
                           static_cast<std::ptrdiff_t>(i - first));
      }
    }
    for (size_t i = 1; i < first; ++i) {
      if (polled[i].revents != 0) {
        Accept(polled[i].fd);
      }
    }
  }
}

void Listener::Accept(int socket) {
  Fd connection = AcceptCloexec(socket);
  if (connection.valid()) {
    Admit(std::move(connection));
  } else if (errno == EMFILE || errno == ENFILE) {
    AcceptWithSpare(socket);
  }
}

void Listener::AcceptWithSpare(int socket) {
  spare_.Reset();
  AcceptCloexec(socket);
  spare_ = OpenSpare();
  Log("rpc")->warn("no file descriptor left: refused a connection");
}

void Listener::Admit(Fd connection) {
  const absl::StatusOr<PeerCredentials> peer =
      GetPeerCredentials(connection.get());
  if (!peer.ok() || peer->uid != options_.uid) {
    ++refused_;
    Log("rpc")->warn("closed a connection of another user ({} so far)",
                     refused_);
    return;
  }
  if (static_cast<int>(connections_.size()) >= options_.max_connections) {
    Log("rpc")->warn("closed a connection: {} are open, the most allowed",
                     connections_.size());
    return;
  }
  Fd copy(::fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) {
    return;
  }
  connections_.push_back(std::move(connection));
  on_connection_(std::move(copy));
}

}  // namespace bottled
