#include "fakes/fake_engine.h"

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

// Ends what a test forgot: no reply takes longer.
constexpr int kForeverMs = 120'000;

struct Gone {};

void Require(bool ok, const char* what) {
  if (!ok) {
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  }
}

void SendAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      throw Gone();
    }
    data.remove_prefix(static_cast<size_t>(sent));
  }
}

// Waits for the client to go away; throws when it does.
void WaitForGone(int fd, int timeout_ms) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return;
    }
    pollfd wait = {fd, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(left.count())) <= 0) {
      return;
    }
    char byte = 0;
    if (::recv(fd, &byte, 1, 0) <= 0) {
      throw Gone();
    }
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

FakeReply FakeReply::Json(std::string body, int status) {
  FakeReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

FakeReply FakeReply::Error(int status, const std::string& message) {
  return Json("{\"message\":\"" + message + "\"}\n", status);
}

FakeReply FakeReply::Tar(std::string bytes) {
  FakeReply reply;
  reply.body = std::move(bytes);
  reply.content_type = "application/x-tar";
  reply.framing = Framing::kChunked;
  return reply;
}

FakeEngine::FakeEngine() {
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

void FakeEngine::Start() {
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
  std::string head;
  try {
    while (head.find("\r\n\r\n") == std::string::npos) {
      std::array<char, 4096> block{};
      const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
      if (got <= 0) {
        throw Gone();
      }
      head.append(block.data(), static_cast<size_t>(got));
    }
    const FakeRequest request =
        ParseRequest(head.substr(0, head.find("\r\n\r\n")));
    {
      const std::lock_guard lock(mu_);
      requests_.push_back(request);
    }
    changed_.notify_all();
    Send(fd, Answer(request));
  } catch (const Gone&) {
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

void FakeEngine::Send(int fd, const FakeReply& reply) {
  if (reply.delay.count() > 0) {
    WaitForGone(fd, static_cast<int>(reply.delay.count()));
  }
  if (reply.hang_up) {
    return;
  }
  if (!reply.raw.empty()) {
    SendAll(fd, reply.raw);
    return;
  }
  const bool chunked = reply.framing == FakeReply::Framing::kChunked;
  const int64_t size = static_cast<int64_t>(reply.body.size()) * reply.repeat;
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) +
                     " Text\r\nContent-Type: " + reply.content_type +
                     "\r\nConnection: close\r\n";
  for (const auto& [name, value] : reply.fields) {
    head += name + ": " + value + "\r\n";
  }
  if (chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (reply.framing == FakeReply::Framing::kLength) {
    head += "Content-Length: " + std::to_string(size) + "\r\n";
  }
  SendAll(fd, head + "\r\n");

  const auto send = [&](std::string_view data) {
    if (!chunked) {
      SendAll(fd, data);
      return;
    }
    std::array<char, 32> length{};
    std::snprintf(length.data(), length.size(), "%zx\r\n", data.size());
    SendAll(fd, length.data());
    SendAll(fd, data);
    SendAll(fd, "\r\n");
  };
  const int64_t end = std::min(
      {size, reply.cut_at.value_or(size), reply.stall_at.value_or(size)});
  int64_t sent = 0;
  while (sent < end) {
    const auto at =
        static_cast<size_t>(sent % static_cast<int64_t>(reply.body.size()));
    const size_t piece = std::min({reply.write_bytes, reply.body.size() - at,
                                   static_cast<size_t>(end - sent)});
    send(std::string_view(reply.body).substr(at, piece));
    sent += static_cast<int64_t>(piece);
    if (reply.write_delay.count() > 0) {
      WaitForGone(fd, static_cast<int>(reply.write_delay.count()));
    }
  }
  if (reply.stall_at.has_value()) {
    WaitForGone(fd, kForeverMs);
    return;
  }
  if (!reply.append.empty()) {
    send(reply.append);
  }
  if (chunked && (!reply.cut_at.has_value() || reply.cut_clean)) {
    SendAll(fd, "0\r\n\r\n");
  }
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
