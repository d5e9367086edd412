// What the channel makes of a peer that is broken or hostile; the good peer is
// the real daemon of tests/e2e.
#include "client/grpc_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <random>
#include <string>
#include <utility>

#include "base/error.h"
#include "gtest/gtest.h"

namespace bottled::client {
namespace {

using std::chrono::milliseconds;

struct Pair {
  Fd ours;
  Fd theirs;
};

Pair MakePair() {
  int fds[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {.ours = Fd(fds[0]), .theirs = Fd(fds[1])};
}

void Send(const Fd& fd, std::string_view bytes) {
  EXPECT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

// Polls until the call is done, for at most ten seconds.
void Drive(GrpcChannel& channel, const GrpcCall& call) {
  const TimePoint end = std::chrono::steady_clock::now() + milliseconds(10'000);
  while (!call.done() && std::chrono::steady_clock::now() < end) {
    channel.Poll({}, std::chrono::steady_clock::now() + milliseconds(5));
  }
}

std::string Frame(char type, char flags, int stream, std::string_view body) {
  std::string out = {static_cast<char>(body.size() >> 16),
                     static_cast<char>(body.size() >> 8),
                     static_cast<char>(body.size()),
                     type,
                     flags,
                     0,
                     0,
                     0,
                     static_cast<char>(stream)};
  return out.append(body);
}

// A literal header field that no table has (RFC 7541, 6.2.2).
std::string Header(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out += static_cast<char>(name.size());
  out += name;
  out += static_cast<char>(value.size());
  return out.append(value);
}

const std::string kSettings = Frame(4, 0, 0, "");

struct Answer {
  std::string headers;
  std::string data;
  std::string trailers;
};

// Runs one call against a peer that says just this.
std::pair<absl::Status, std::optional<std::string>> Ask(const Answer& answer) {
  Pair pair = MakePair();
  auto channel = GrpcChannel::Create(std::move(pair.ours));
  EXPECT_TRUE(channel.ok());
  const auto call = (*channel)->Start("/a.B/C");
  call->Send("request");
  call->CloseSend();
  std::string bytes = kSettings;
  const bool only_headers = answer.data.empty() && answer.trailers.empty();
  bytes += Frame(1, only_headers ? 5 : 4, 1, answer.headers);
  if (!answer.data.empty()) {
    bytes += Frame(0, answer.trailers.empty() ? 1 : 0, 1, answer.data);
  }
  if (!answer.trailers.empty()) {
    bytes += Frame(1, 5, 1, answer.trailers);
  }
  Send(pair.theirs, bytes);
  Drive(**channel, *call);
  EXPECT_TRUE(call->done());
  return {call->status(), call->Take()};
}

std::string OkHeaders() {
  return Header(":status", "200") + Header("content-type", "application/grpc");
}

TEST(GrpcChannelTest, TakesAnAnswer) {
  const auto [status, message] = Ask({.headers = OkHeaders(),
                                      .data = MessagePrefix(5) + "hello",
                                      .trailers = Header("grpc-status", "0")});
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(message, "hello");
}

TEST(GrpcChannelTest, TakesAnErrorWithItsMessage) {
  const auto [status, message] =
      Ask({.headers = OkHeaders() + Header("grpc-status", "5") +
                      Header("grpc-message", "no%20such"),
           .data = {},
           .trailers = {}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such");
}

TEST(GrpcChannelTest, AnAnswerWithoutAStatusIsAnError) {
  EXPECT_FALSE(Ask({.headers = OkHeaders(),
                    .data = MessagePrefix(1) + "x",
                    .trailers = {}})
                   .first.ok());
  EXPECT_FALSE(
      Ask({.headers = Header(":status", "404"), .data = {}, .trailers = {}})
          .first.ok());
}

TEST(GrpcChannelTest, ACutMessageIsAnError) {
  EXPECT_FALSE(Ask({.headers = OkHeaders(),
                    .data = MessagePrefix(9) + "short",
                    .trailers = Header("grpc-status", "0")})
                   .first.ok());
}

TEST(GrpcChannelTest, AnAnnouncedGiantIsRefused) {
  EXPECT_TRUE(HasReason(Ask({.headers = OkHeaders(),
                             .data = MessagePrefix(0xffffffff) + "x",
                             .trailers = {}})
                            .first,
                        "MESSAGE_TOO_LARGE"));
}

TEST(GrpcChannelTest, ACloseEndsEveryCall) {
  Pair pair = MakePair();
  auto channel = GrpcChannel::Create(std::move(pair.ours));
  ASSERT_TRUE(channel.ok());
  const auto first = (*channel)->Start("/a.B/C");
  const auto second = (*channel)->Start("/a.B/D");
  pair.theirs.Reset();
  Drive(**channel, *first);
  Drive(**channel, *second);
  EXPECT_TRUE(HasReason(first->status(), "CONNECTION_LOST"));
  EXPECT_TRUE(HasReason(second->status(), "CONNECTION_LOST"));
  // A later one fails at once, and is no crash.
  const auto third = (*channel)->Start("/a.B/E");
  Drive(**channel, *third);
  EXPECT_FALSE(third->status().ok());
}

TEST(GrpcChannelTest, ASilentPeerMeetsTheDeadline) {
  Pair pair = MakePair();
  auto channel = GrpcChannel::Create(std::move(pair.ours));
  ASSERT_TRUE(channel.ok());
  const auto call = (*channel)->Start("/a.B/C", milliseconds(30));
  Drive(**channel, *call);
  EXPECT_TRUE(HasReason(call->status(), "CALL_TIMEOUT"));
}

TEST(GrpcChannelTest, CancelEndsACallAtOnce) {
  Pair pair = MakePair();
  auto channel = GrpcChannel::Create(std::move(pair.ours));
  ASSERT_TRUE(channel.ok());
  const auto call = (*channel)->Start("/a.B/C");
  call->Cancel();
  EXPECT_TRUE(call->done());
  EXPECT_EQ(call->status().code(), absl::StatusCode::kCancelled);
}

TEST(GrpcChannelTest, ACallMayOutliveItsChannel) {
  Pair pair = MakePair();
  auto channel = GrpcChannel::Create(std::move(pair.ours));
  ASSERT_TRUE(channel.ok());
  const auto call = (*channel)->Start("/a.B/C");
  channel->reset();
  EXPECT_TRUE(call->done());
  EXPECT_FALSE(call->status().ok());
  call->Send("ignored");
  call->Cancel();
}

TEST(GrpcChannelTest, OtherProtocolsAndNoiseEndTheConnection) {
  std::mt19937 random(11);
  for (int run = 0; run < 200; ++run) {
    Pair pair = MakePair();
    auto channel = GrpcChannel::Create(std::move(pair.ours));
    ASSERT_TRUE(channel.ok());
    const auto call = (*channel)->Start("/a.B/C");
    call->Send(std::string(100, 'x'));
    std::string bytes = run % 3 == 0   ? "HTTP/1.1 400 Bad Request\r\n\r\n"
                        : run % 3 == 1 ? kSettings
                                       : "";
    for (int i = 0; i < 200; ++i) {
      bytes += static_cast<char>(random());
    }
    Send(pair.theirs, bytes);
    pair.theirs.Reset();
    Drive(**channel, *call);
    EXPECT_TRUE(call->done());
    EXPECT_FALSE(call->status().ok());
  }
}

}  // namespace
}  // namespace bottled::client
