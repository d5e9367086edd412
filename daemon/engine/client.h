// EngineClient: the Docker Engine API of one endpoint, over libcurl.
//
// unix:// and tcp:// (with or without TLS) are dialled by libcurl; for ssh://
// it talks to `ssh … docker system dial-stdio`, as docker's CLI does. Each call
// uses a connection of its own: engines were seen to break
// kept connections after streamed bodies.
//
// Thread-safe; calls run in the caller's thread and block it. All take a
// CancelToken, which really closes the connection.

#ifndef BOTTLED_ENGINE_CLIENT_H_
#define BOTTLED_ENGINE_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "endpoint/endpoint.h"
#include "engine/api_version.h"
#include "engine/description.h"
#include "engine/http_exchange.h"
#include "engine/inspect.h"
#include "engine/networks.h"
#include "image/byte_source.h"
#include "image/digest.h"
#include "image/platform.h"

namespace bottled {

// What /_ping tells.
struct EngineInfo {
  ApiVersion api;       // the version that calls use
  std::string server;   // "dockerd", "podman", or what it calls itself
  std::string version;  // "29.7.2"; empty when it does not tell
  bool podman = false;
};

// Any call, for the parts of the API that have files of their own
// (containers.h, push.h, registry.h).
struct EngineRequest {
  const char* method = "GET";
  // Below the version, percent-encoded, with its query: "/containers/x/json".
  std::string path;
  // JSON; absent: no body.
  std::optional<std::string> body;
  // "Name: value".
  std::vector<std::string> fields;
  // How long the head of the answer may take; 0 = Options::unary_timeout.
  std::chrono::milliseconds head_timeout{0};
  // Bytes that a block of the answer holds at most.
  size_t block_bytes = 64 << 10;
};

struct EngineReply {
  EngineInfo info;
  HttpHead head;
  // Of an answer of 2xx, its body yet to be read; of any other null.
  std::unique_ptr<HttpExchange> exchange;
  // Of any other: the engine's words, for people.
  std::string error_text;

  bool ok() const { return head.status >= 200 && head.status < 300; }
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
    // Wait before the one repetition of a save that failed because the engine's
    // own store was away (dockerd restarting its containerd).
    std::chrono::milliseconds unavailable_retry_delay{3'000};
  };

  EngineClient(EngineEndpoint endpoint, Options options);
  explicit EngineClient(EngineEndpoint endpoint)
      : EngineClient(std::move(endpoint), Options()) {}
  ~EngineClient();

  const EngineEndpoint& endpoint() const { return endpoint_; }

  const Options& options() const { return options_; }

  // Makes a call in the negotiated version; any status of HTTP is a reply. A
  // request that is not GET is sent once, as it may have been carried out when
  // its answer is lost. Reasons as Negotiate().
  absl::StatusOr<EngineReply> Call(const EngineRequest& request,
                                   const CancelToken& cancel);

  // The whole body of a reply that is ok(); any other is ENGINE_ERROR. At most
  // 8 MiB. Reasons as Negotiate().
  absl::StatusOr<std::string> ReadReply(EngineReply& reply,
                                        const CancelToken& cancel);

  // The body of a reply that is ok() as a stream, whose end is clean only when
  // HTTP's was; any other is ENGINE_ERROR, and so is one without a length or
  // chunks. From the stream: ENGINE_STREAM_BROKEN, ENGINE_STALLED, CANCELLED.
  absl::StatusOr<std::unique_ptr<ByteSource>> StreamReply(
      EngineReply reply, const CancelToken& cancel);

  // Negotiates with `GET /_ping` and remembers the result until a connection
  // fails or a version is refused. The version is the lower of ours (1.49) and
  // the engine's; engines whose minimum is higher are met there. Reasons
  // ENGINE_UNREACHABLE, ENGINE_PERMISSION_DENIED, ENGINE_TIMEOUT,
  // ENGINE_API_UNSUPPORTED, ENGINE_ERROR, CANCELLED.
  absl::StatusOr<EngineInfo> Negotiate(const CancelToken& cancel);

  // Identifies an image. `reference` is what the user typed, already checked.
  // From API 1.49 on the platform is sent, so that the ID is the platform
  // manifest's. An image that names no platform is taken to be of the wanted
  // one, as docker does. Reasons as above and IMAGE_NOT_FOUND,
  // ARCHITECTURE_MISMATCH (the image exists, but not for `platform`),
  // BAD_REFERENCE, ENGINE_ANSWER_INVALID, BAD_IMAGE_CONFIG.
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

  // Takes a tag away; the image stays while it has another, and its parents
  // stay in any case. False when there is no such tag. Reasons as above.
  absl::StatusOr<bool> RemoveTag(const std::string& reference,
                                 const CancelToken& cancel);

  // All networks of the engine. Reasons as Negotiate(), and
  // ENGINE_ANSWER_INVALID.
  absl::StatusOr<std::vector<EngineNetwork>> ListNetworks(
      const CancelToken& cancel);

  // What the engine is and where it runs. Reasons as ListNetworks().
  absl::StatusOr<EngineDescription> Describe(const CancelToken& cancel);

 private:
  // A path without the version, which may depend on the engine.
  using MakeTarget = std::function<std::string(const EngineInfo&)>;

  // Asks in the negotiated version. GET has a second try when what was
  // remembered of the engine turns out to be wrong.
  absl::StatusOr<EngineReply> Ask(const MakeTarget& make_target,
                                  const HttpExchange::Options& exchange,
                                  std::chrono::milliseconds head_timeout,
                                  const CancelToken& cancel);
  absl::StatusOr<EngineReply> AskOnce(const std::string& target,
                                      HttpExchange::Options exchange,
                                      std::chrono::milliseconds head_timeout,
                                      const CancelToken& cancel);
  absl::StatusOr<EngineReply> Get(const MakeTarget& make_target,
                                  size_t block_bytes,
                                  std::chrono::milliseconds head_timeout,
                                  const CancelToken& cancel);
  absl::StatusOr<EngineInfo> Ping(const CancelToken& cancel);
  // The body of an answer of 2xx; any other answer is ENGINE_ERROR.
  absl::StatusOr<std::string> GetBody(const std::string& path,
                                      const CancelToken& cancel);

  // What a refused inspect or save means.
  absl::StatusOr<EngineImage> InspectRefused(const EngineReply& answer,
                                             const std::string& reference,
                                             const std::string& path,
                                             const Platform& platform,
                                             const CancelToken& cancel);
  absl::Status SaveFailure(const EngineReply& answer, const Digest& id,
                           const Platform& platform, const CancelToken& cancel);

  std::optional<EngineInfo> Remembered();
  void Remember(std::optional<EngineInfo> info);

  // Constant after construction.
  const EngineEndpoint endpoint_;
  const Options options_;

  Mutex mu_;
  std::optional<EngineInfo> info_ ABSL_GUARDED_BY(mu_);
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_CLIENT_H_
