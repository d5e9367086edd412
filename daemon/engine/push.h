// Pushing an image to a registry of our own, and pulling the image that such a
// registry runs from.
//
// Both answer 200 and say in their stream whether it worked (engines.md §7).
// Free functions, thread-safe; they block for the engine, and return what
// EngineClient::Call() does.

#ifndef BOTTLED_ENGINE_PUSH_H_
#define BOTTLED_ENGINE_PUSH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "engine/client.h"
#include "image/digest.h"

namespace bottled {

// What a stream of {"status", "id", "progressDetail", "errorDetail", "aux"}
// lines has said so far. dockerd 20.10 to 29 and podman write it. Not
// thread-safe.
class TransferStream {
 public:
  // The next bytes. A line that is no JSON object is taken as text of an error
  // when it is the last; lines above 64 KiB are cut.
  void Add(std::string_view bytes);
  void Finish();

  // Bytes over all layers: those that were moved, and of those whose size is
  // known. A layer that "already exists" counts as moved.
  int64_t done_bytes() const;
  int64_t total_bytes() const;

  // The engine's words for the failure, printable and bounded; empty = none.
  const std::string& error() const { return error_; }
  // From "aux", or from the status "<tag>: digest: sha256:… size: …", which is
  // all that dockerd 29 with containerd's store gives. Empty = not said.
  const Digest& digest() const { return digest_; }

 private:
  struct Layer {
    int64_t done = 0;
    int64_t total = 0;
  };
  void TakeLine(std::string_view text);

  std::string line_;
  bool line_cut_ = false;
  // The last line when it was no JSON object.
  std::string last_text_;
  std::map<std::string, Layer> layers_;
  std::string error_;
  Digest digest_;
};

// Gives the image of `id` one more name. Reasons IMAGE_NOT_FOUND.
absl::Status TagImage(EngineClient& engine, const Digest& id,
                      const std::string& repository, const std::string& tag,
                      const CancelToken& cancel);

// Called from the calling thread, often.
using TransferProgress = std::function<void(int64_t done, int64_t total)>;

// Pushes `repository`:`tag`, whose registry speaks plain HTTP, and returns the
// digest of the manifest; empty when the engine does not say.
// Silence of Options::stall_timeout ends it. Reason PUSH_FAILED with the
// engine's words (FAILED_PRECONDITION; UNAVAILABLE when they speak of a refused
// or broken connection, which may pass).
absl::StatusOr<Digest> PushImage(EngineClient& engine,
                                 const std::string& repository,
                                 const std::string& tag,
                                 const TransferProgress& progress,
                                 const CancelToken& cancel);

// Pulls `reference` ("registry:2"; without a tag: "latest"). Reasons
// IMAGE_PULL_FAILED with the engine's words, BAD_REFERENCE.
absl::Status PullImage(EngineClient& engine, const std::string& reference,
                       const TransferProgress& progress,
                       const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_PUSH_H_
