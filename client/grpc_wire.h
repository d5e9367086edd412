// The parts of gRPC over HTTP/2 that are only bytes: message frames, header
// values. Source: "gRPC over HTTP2" (grpc/grpc doc/PROTOCOL-HTTP2.md).
//
// Pure; every input is foreign.

#ifndef BOTTLED_CLIENT_GRPC_WIRE_H_
#define BOTTLED_CLIENT_GRPC_WIRE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace bottled::client {

// The largest message that is taken.
inline constexpr size_t kMaxMessageBytes = size_t{16} << 20;

// The five bytes that go before a message of `size` bytes: not compressed, and
// its length.
std::string MessagePrefix(size_t size);

// Puts messages together from DATA frames, however those are cut.
class MessageAssembler {
 public:
  explicit MessageAssembler(size_t max_bytes = kMaxMessageBytes)
      : max_bytes_(max_bytes) {}

  // MESSAGE_TOO_LARGE as soon as a prefix announces too much, also when more
  // than two such messages wait; INTERNAL for a compressed message, which
  // nobody allowed. After an error the assembler must not be used.
  absl::Status Add(std::string_view bytes);

  // The next whole message, if there is one.
  std::optional<std::string> Take();

  // True when the stream must not end here.
  bool InMessage() const { return !buffer_.empty(); }

 private:
  size_t max_bytes_;
  // The prefix and the message's bytes so far.
  std::string buffer_;
  std::deque<std::string> ready_;
  size_t ready_bytes_ = 0;
};

// A grpc-message value: %XX is a byte; a malformed escape stands for itself.
std::string PercentDecode(std::string_view text);

// A value of a "-bin" header; padding is optional. nullopt when malformed.
std::optional<std::string> Base64Decode(std::string_view text);

// A grpc-status value; kUnknown for what is no code.
absl::StatusCode ParseStatusCode(std::string_view text);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_GRPC_WIRE_H_
