#include "fakes/fake_engine.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace bottled::testing {
namespace {

void Require(bool ok, const char* what) {
  if (!ok) {
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  }
}

// "1.9" before "1.41".
bool Before(const std::string& a, const std::string& b) {
  const auto numbers = [](const std::string& text) {
    const size_t dot = text.find('.');
    return std::pair(
        std::atoi(text.c_str()),
        dot == std::string::npos ? 0 : std::atoi(text.c_str() + dot + 1));
  };
  return numbers(a) < numbers(b);
}

}  // namespace

struct FakeEngine::Connection {
  Fd fd;
  std::thread thread;
};

FakeEngine::FakeEngine(Listen listen) : listen_(listen) {
  std::string name =
      (std::filesystem::temp_directory_path() / "bottled-fake-XXXXXX").string();
  Require(::mkdtemp(name.data()) != nullptr, "mkdtemp");
  dir_ = name;
  Start();
}

FakeEngine::~FakeEngine() {
  Stop();
  std::error_code error;
  std::filesystem::remove_all(dir_, error);
}

void FakeEngine::ListenUnix() {
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  Require(listener_.valid(), "socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = socket_path().string();
  Require(path.size() < sizeof(address.sun_path), "socket path");
  std::memcpy(address.sun_path, path.data(), path.size());
  Require(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof(address)) == 0,
          "bind");
}

void FakeEngine::ListenTcp() {
  listener_ = Fd(::socket(AF_INET, SOCK_STREAM, 0));
  Require(listener_.valid(), "socket");
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port_));
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  Require(::bind(listener_.get(), generic, size) == 0, "bind");
  Require(::getsockname(listener_.get(), generic, &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
}

void FakeEngine::Start() {
  if (listen_ == Listen::kUnix) {
    ListenUnix();
  } else {
    ListenTcp();
  }
  Require(::listen(listener_.get(), 128) == 0, "listen");
  std::array<int, 2> wake{};
  Require(::pipe(wake.data()) == 0, "pipe");
  wake_read_ = Fd(wake[0]);
  wake_write_ = Fd(wake[1]);
  acceptor_ =
      std::thread([this, listener = listener_.get(), wake = wake_read_.get()] {
        Accept(listener, wake);
      });
}

void FakeEngine::Stop() {
  if (!acceptor_.joinable()) {
    return;
  }
  wake_write_.Reset();
  acceptor_.join();
  listener_.Reset();
  wake_read_.Reset();
  std::error_code error;
  std::filesystem::remove(socket_path(), error);
  std::vector<std::unique_ptr<Connection>> connections;
  {
    const std::lock_guard lock(mu_);
    connections.swap(connections_);
  }
  for (const auto& connection : connections) {
    ::shutdown(connection->fd.get(), SHUT_RDWR);
    connection->thread.join();
  }
}

void FakeEngine::Accept(int listener, int wake) {
  while (true) {
    std::array<pollfd, 2> waits = {
        {{listener, POLLIN, 0}, {wake, POLLIN | POLLHUP, 0}}};
    ::poll(waits.data(), waits.size(), -1);
    if (waits[1].revents != 0) {
      return;
    }
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) {
      continue;
    }
    auto connection = std::make_unique<Connection>();
    connection->fd = Fd(fd);
    Connection& served = *connection;
    const std::lock_guard lock(mu_);
    connections_.push_back(std::move(connection));
    served.thread = std::thread([this, &served] { Serve(served); });
  }
}

void FakeEngine::Serve(Connection& connection) {
  const int fd = connection.fd.get();
  try {
    const FakeRequest request = ReadFakeRequest(fd);
    {
      const std::lock_guard lock(mu_);
      requests_.push_back(request);
    }
    changed_.notify_all();
    SendFakeReply(fd, request.method, Answer(request));
  } catch (const FakeClientGone&) {
    const std::lock_guard lock(mu_);
    ++aborted_;
  }
  changed_.notify_all();
  // The descriptor is closed with the fake; the client must see the end now.
  ::shutdown(fd, SHUT_RDWR);
}

FakeReply FakeEngine::Answer(const FakeRequest& request) {
  Handler handler;
  {
    const std::lock_guard lock(mu_);
    if (!podman_ && !request.version.empty()) {
      if (Before(newest_, request.version)) {
        return FakeReply::Error(
            400, "client version " + request.version +
                     " is too new. Maximum supported API version is " +
                     newest_);
      }
      if (Before(request.version, oldest_)) {
        return FakeReply::Error(
            400, "client version " + request.version +
                     " is too old. Minimum supported API version is " +
                     oldest_ +
                     ", please upgrade your client to a newer version");
      }
    }
    const auto it = routes_.find(request.path);
    if (it != routes_.end()) {
      handler = it->second;
    } else if (request.path == "/_ping") {
      FakeReply reply = FakeReply::Json("OK");
      reply.content_type = "text/plain; charset=utf-8";
      reply.fields = {{"Api-Version", newest_}};
      if (podman_) {
        reply.fields.emplace_back("Libpod-Api-Version", "4.3.1");
        reply.fields.emplace_back("Server", "Libpod/4.3.1 (linux)");
      } else {
        reply.fields.emplace_back("Server", "Docker/20.10.24 (linux)");
      }
      return reply;
    } else {
      handler = otherwise_;
    }
  }
  if (handler) {
    return handler(request);
  }
  if (request.path.starts_with("/images/")) {
    return FakeReply::Error(404, "No such image: " + request.path);
  }
  return FakeReply::Error(404, "page not found");
}

void FakeEngine::SetVersions(const std::string& newest,
                             const std::string& oldest) {
  const std::lock_guard lock(mu_);
  newest_ = newest;
  oldest_ = oldest;
}

void FakeEngine::SetPodman(bool podman) {
  const std::lock_guard lock(mu_);
  podman_ = podman;
}

void FakeEngine::Route(const std::string& path, Handler handler) {
  const std::lock_guard lock(mu_);
  routes_[path] = std::move(handler);
}

void FakeEngine::Route(const std::string& path, FakeReply reply) {
  Route(path, [reply = std::move(reply)](const FakeRequest&) { return reply; });
}

void FakeEngine::Otherwise(Handler handler) {
  const std::lock_guard lock(mu_);
  otherwise_ = std::move(handler);
}

void FakeEngine::AddImage(const std::string& reference, const std::string& id,
                          const std::string& inspect_json,
                          std::string save_tar) {
  const FakeReply inspect = FakeReply::Json(inspect_json);
  const FakeReply save = FakeReply::Tar(std::move(save_tar));
  for (const std::string& name : {reference, id}) {
    Route("/images/" + name + "/json", inspect);
    Route("/images/" + name + "/get", save);
  }
}

std::vector<FakeRequest> FakeEngine::requests() const {
  const std::lock_guard lock(mu_);
  return requests_;
}

int FakeEngine::CountRequests(const std::string& path) const {
  const std::lock_guard lock(mu_);
  return static_cast<int>(
      std::count_if(requests_.begin(), requests_.end(),
                    [&](const FakeRequest& r) { return r.path == path; }));
}

int FakeEngine::aborted() const {
  const std::lock_guard lock(mu_);
  return aborted_;
}

bool FakeEngine::WaitForAborted(int count,
                                std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mu_);
  return changed_.wait_for(lock, timeout, [&] { return aborted_ >= count; });
}

bool FakeEngine::WaitForRequest(const std::string& path,
                                std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mu_);
  return changed_.wait_for(lock, timeout, [&] {
    return std::any_of(requests_.begin(), requests_.end(),
                       [&](const FakeRequest& r) { return r.path == path; });
  });
}

}  // namespace bottled::testing
