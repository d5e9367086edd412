// HttpExchange: one request on one connection of its own, its answer read block
// by block.
//
// libcurl's multi interface, driven by the reader: nothing is read from the
// socket while nobody asks, and every wait also watches the cancel token.
// Destruction closes the connection at once, whatever its state. No redirects,
// proxies, netrc, or reuse of connections. Not thread-safe.

#ifndef BOTTLED_ENGINE_HTTP_EXCHANGE_H_
#define BOTTLED_ENGINE_HTTP_EXCHANGE_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "endpoint/endpoint.h"

namespace bottled {

struct HttpHead {
  long status = 0;
  // Lower-case names; of equal names the last.
  std::map<std::string, std::string> fields;

  // The field, or "".
  std::string Field(const std::string& name) const;
  // True when the body's end can be told from a broken connection.
  bool Framed() const;
};

class HttpExchange {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  struct Options {
    std::chrono::milliseconds connect_timeout{20'000};
    // Bytes that a block holds at most.
    size_t block_bytes = 16 << 10;
    // Of HEAD no body is waited for.
    const char* method = "GET";
    // More fields of the request, "Name: value".
    std::vector<std::string> fields;
    // The body, sent with its length; absent: none.
    std::optional<std::string> body;
  };

  // Prepares `METHOD target`; dials nothing yet. `target` begins with "/" and
  // is percent-encoded. Reason BAD_ENGINE_ADDRESS, or what the system says.
  static absl::StatusOr<std::unique_ptr<HttpExchange>> Start(
      const EngineEndpoint& endpoint, const std::string& target,
      const Options& options);

  virtual ~HttpExchange() = default;

  // Connects, asks and waits for the head of the answer. Reasons
  // ENGINE_UNREACHABLE, ENGINE_PERMISSION_DENIED, ENGINE_TIMEOUT, ENGINE_ERROR
  // (no HTTP), CANCELLED.
  virtual absl::StatusOr<HttpHead> ReadHead(std::chrono::milliseconds timeout,
                                            const CancelToken& cancel) = 0;

  // The next bytes of the body, valid until the next call; empty at a clean
  // end. `silence` bounds the wait for the first of them. Reasons
  // ENGINE_STREAM_BROKEN, ENGINE_STALLED, CANCELLED.
  virtual absl::StatusOr<std::string_view> ReadBlock(
      std::chrono::milliseconds silence, const CancelToken& cancel) = 0;
};

// Reads a whole body of at most `max_bytes` until `deadline`. Reasons
// ENGINE_TIMEOUT, ENGINE_UNREACHABLE (broken off), ENGINE_ERROR (too large),
// CANCELLED.
absl::StatusOr<std::string> ReadBody(HttpExchange& exchange,
                                     const EngineEndpoint& endpoint,
                                     size_t max_bytes,
                                     std::chrono::milliseconds timeout,
                                     const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_HTTP_EXCHANGE_H_
