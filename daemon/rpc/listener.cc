#include "rpc/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "platform/pipe.h"
#include "platform/unix_socket.h"

namespace bottled {
namespace {

// How long a socket is left alone when nothing can be done for it.
constexpr int kStarvedMs = 100;
constexpr std::chrono::minutes kComplainEvery(1);

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
    const short wanted = starved_ ? 0 : POLLIN;
    for (const Fd& socket : sockets_) {
      polled.push_back({.fd = socket.get(), .events = wanted, .revents = 0});
    }
    for (const Connection& connection : connections_) {
      // No events asked for: only hang-up and error are reported.
      polled.push_back({.fd = connection.fd.get(), .events = 0, .revents = 0});
    }
    const int wait = starved_ ? kStarvedMs : -1;
    starved_ = false;
    if (::poll(polled.data(), polled.size(), wait) < 0) {
      continue;
    }
    if (polled[0].revents != 0) {
      return;
    }
    const size_t first = 1 + sockets_.size();
    for (size_t i = polled.size(); i-- > first;) {
      if (polled[i].revents != 0) {
        Drop(i - first);
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
  starved_ = !AcceptCloexec(socket).valid();
  spare_ = OpenSpare();
  Refuse("no file descriptor is left");
}

void Listener::Drop(size_t index) {
  if (options_.peers != nullptr) {
    options_.peers->Remove(connections_[index].peer);
  }
  connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Listener::Refuse(std::string_view why) {
  ++refused_;
  const auto now = std::chrono::steady_clock::now();
  if (!complained_.has_value() || now - *complained_ >= kComplainEvery) {
    complained_ = now;
    Log("rpc")->warn("refused a connection: {} ({} refused so far)", why,
                     refused_);
  }
}

void Listener::Admit(Fd connection) {
  const absl::StatusOr<PeerCredentials> peer =
      GetPeerCredentials(connection.get());
  if (!peer.ok() || peer->uid != options_.uid) {
    return Refuse("it is another user's");
  }
  if (static_cast<int>(connections_.size()) >= options_.max_connections) {
    return Refuse("the most that are allowed are open");
  }
  if (peer->pid != 0 &&
      std::count_if(connections_.begin(), connections_.end(),
                    [&peer](const Connection& other) {
                      return other.pid == peer->pid;
                    }) >= options_.max_connections_per_process) {
    return Refuse("its process has the most that are allowed");
  }
  Fd copy(::fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) {
    return Refuse("no file descriptor is left");
  }
  connections_.push_back(
      {.fd = std::move(connection),
       .pid = peer->pid,
       .peer = options_.peers == nullptr
                   ? 0
                   : options_.peers->Add(copy.get(), peer->pid)});
  on_connection_(std::move(copy));
}

}  // namespace bottled
