// EngineClient: the Docker Engine API of one endpoint, over libcurl.
//
// unix:// and tcp:// (with or without TLS) are dialled by libcurl; ssh:// runs
// `ssh … docker system dial-stdio`, as docker's CLI does, and gives libcurl the
// socket. Each call uses a connection of its own: engines were seen to break
// kept connections after streamed bodies.
//
// Thread-safe; calls run in the caller's thread and block it. All take a
// CancelToken, which really closes the connection.

#ifndef BOTTLED_ENGINE_CLIENT_H_
#define BOTTLED_ENGINE_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "endpoint/endpoint.h"
#include "image/byte_source.h"
#include "image/config.h"
#include "image/digest.h"

namespace bottled {

// "1.41" as numbers.
struct ApiVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
  std::string ToString() const;
};

// What /_ping and /version tell.
struct EngineInfo {
  ApiVersion api;           // the version that calls use
  std::string server;       // "dockerd", "podman" as far as known
  bool podman = false;
};

// What `GET /images/{ref}/json` tells about one image for one platform.
struct EngineImage {
  // The engine's ID for the platform's image: a config digest (graph drivers,
  // podman) or a manifest digest (containerd store, API ≥ 1.49).
  Digest id;
  // Runtime config, platform, creation time and diff IDs. It has no digest of
  // its own: only the save stream holds the config blob.
  ImageConfig config;
  // The engine's estimate in bytes; neither a bound nor comparable between
  // engines. 0 when unknown.
  int64_t size_estimate = 0;
};

class EngineClient {
 public:
  struct Options {
    // Time to connect and to answer a unary call.
    std::chrono::milliseconds unary_timeout{20'000};
    // Silence before the first byte of a save stream. Graph-driver engines
    // write a temporary copy first, 7 to 12 s per GB (measured).
    std::chrono::milliseconds first_byte_timeout{30 * 60'000};
    // Silence between two blocks of a stream.
    std::chrono::milliseconds stall_timeout{60'000};
  };

  EngineClient(EngineEndpoint endpoint, Options options);
  explicit EngineClient(EngineEndpoint endpoint)
      : EngineClient(std::move(endpoint), Options()) {}
  ~EngineClient();

  const EngineEndpoint& endpoint() const { return endpoint_; }

  // Negotiates with `GET /_ping` and remembers the result. The version is the
  // lower of ours (1.49) and the engine's; engines whose minimum is higher are
  // met there. Reasons ENGINE_UNREACHABLE, ENGINE_PERMISSION_DENIED,
  // ENGINE_TIMEOUT, ENGINE_API_UNSUPPORTED, ENGINE_ERROR.
  absl::StatusOr<EngineInfo> Negotiate(const CancelToken& cancel);

  // Identifies an image. `reference` is what the user typed, already checked.
  // From API 1.49 on the platform is sent, so that the ID is the platform
  // manifest's. Reasons as above and IMAGE_NOT_FOUND, ARCHITECTURE_MISMATCH
  // (the image exists, but not for `platform`), BAD_REFERENCE.
  absl::StatusOr<EngineImage> InspectImage(const std::string& reference,
                                           const Platform& platform,
                                           const CancelToken& cancel);

  // Opens `GET /images/{id}/get` as a stream. Returns once the engine has
  // answered 200. `id` is a full "sha256:…"; the platform is sent from API 1.48
  // on, never to podman. The stream's end is clean only when HTTP's was; that
  // proves nothing about the archive. Reasons as above and IMAGE_UNSAVABLE;
  // from the stream: ENGINE_STREAM_BROKEN, ENGINE_STALLED, CANCELLED.
  absl::StatusOr<std::unique_ptr<ByteSource>> SaveImage(
      const Digest& id, const Platform& platform, const CancelToken& cancel);

 private:
  // Constant after construction.
  const EngineEndpoint endpoint_;
  const Options options_;

  Mutex mu_;
  std::optional<EngineInfo> info_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_CLIENT_H_
