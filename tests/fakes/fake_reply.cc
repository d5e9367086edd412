#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "fakes/fake_engine.h"

namespace bottled::testing {
namespace {

// Ends what a test forgot: no reply takes longer.
constexpr int kForeverMs = 120'000;

void SendAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      throw FakeClientGone();
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
      throw FakeClientGone();
    }
  }
}

}  // namespace

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

void SendFakeReply(int fd, const std::string& method, const FakeReply& reply) {
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
  if (method == "HEAD") {
    return;
  }

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

}  // namespace bottled::testing
