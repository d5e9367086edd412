// ImageEvents: what happens to an engine's images, as it happens.
//
// `GET /events` filtered to images, one long answer of JSON objects.
// dockerd 20.10 to 29 and podman write them with a line end behind each
// (recorded in tests/data/engines). A stream tells nothing of what was before
// it, and may end at any time; so whoever depends on it looks at the images
// again after each Open().

#ifndef BOTTLED_ENGINE_EVENTS_H_
#define BOTTLED_ENGINE_EVENTS_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "engine/client.h"

namespace bottled {

struct ImageEvent {
  // "tag", "untag", "load", "pull", "import", "delete", "create", or what the
  // engine calls it; printable, at most 64 bytes. Empty: a line that could not
  // be read, so anything may have happened.
  std::string action;
  // The reference that it is about, printable; empty when the engine gives none
  // or only an ID.
  std::string reference;

  bool operator==(const ImageEvent&) const = default;
};

// Takes the answer apart. Its input is foreign: lines above 64 KiB are not kept
// and count as unreadable. Events after which every reference still means what
// it did (save, push, mount …) are left out. Pure, not thread-safe.
class ImageEventLines {
 public:
  // Appends the events whose lines `bytes` completes.
  void Add(std::string_view bytes, std::vector<ImageEvent>& out);

 private:
  void TakeLine(std::vector<ImageEvent>& out) const;

  std::string line_;
  bool line_cut_ = false;
};

// Not thread-safe; destruction closes the connection.
class ImageEvents {
 public:
  // Returns when the engine has begun to answer: what happens from then on is
  // in the stream. Reasons as EngineClient::Call().
  static absl::StatusOr<std::unique_ptr<ImageEvents>> Open(
      EngineClient& engine, const CancelToken& cancel);

  // The next events, at least one. Blocks. Reasons ENGINE_STREAM_BROKEN (also
  // when the engine ends it in order), ENGINE_STALLED after `silence` without a
  // byte, CANCELLED.
  absl::StatusOr<std::vector<ImageEvent>> Next(
      std::chrono::milliseconds silence, const CancelToken& cancel);

 private:
  ImageEvents(const EngineEndpoint& endpoint,
              std::unique_ptr<HttpExchange> exchange)
      : endpoint_(endpoint), exchange_(std::move(exchange)) {}

  const EngineEndpoint endpoint_;
  const std::unique_ptr<HttpExchange> exchange_;
  ImageEventLines lines_;
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_EVENTS_H_
