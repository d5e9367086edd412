// The errors of engine/, one function each. Texts that came from an engine must
// have gone through EngineErrorText() before.

#ifndef BOTTLED_ENGINE_ERRORS_H_
#define BOTTLED_ENGINE_ERRORS_H_

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "endpoint/endpoint.h"
#include "image/platform.h"

namespace bottled {

inline constexpr std::string_view kEngineUnreachable = "ENGINE_UNREACHABLE";
inline constexpr std::string_view kEnginePermissionDenied =
    "ENGINE_PERMISSION_DENIED";
inline constexpr std::string_view kEngineTimeout = "ENGINE_TIMEOUT";
inline constexpr std::string_view kEngineApiUnsupported =
    "ENGINE_API_UNSUPPORTED";
inline constexpr std::string_view kEngineError = "ENGINE_ERROR";
inline constexpr std::string_view kEngineAnswerInvalid =
    "ENGINE_ANSWER_INVALID";
inline constexpr std::string_view kEngineStreamBroken = "ENGINE_STREAM_BROKEN";
inline constexpr std::string_view kEngineStalled = "ENGINE_STALLED";
inline constexpr std::string_view kImageNotFound = "IMAGE_NOT_FOUND";
inline constexpr std::string_view kImageUnsavable = "IMAGE_UNSAVABLE";
inline constexpr std::string_view kArchitectureMismatch =
    "ARCHITECTURE_MISMATCH";
inline constexpr std::string_view kContainerNameTaken = "CONTAINER_NAME_TAKEN";
inline constexpr std::string_view kPortTaken = "PORT_TAKEN";
inline constexpr std::string_view kPushFailed = "PUSH_FAILED";
inline constexpr std::string_view kImagePullFailed = "IMAGE_PULL_FAILED";
inline constexpr std::string_view kRegistryUnreachable = "REGISTRY_UNREACHABLE";
inline constexpr std::string_view kRegistryError = "REGISTRY_ERROR";
inline constexpr std::string_view kManifestMissing = "MANIFEST_MISSING";

// Nobody answers, or the connection ended before the answer did.
absl::Status EngineUnreachable(const EngineEndpoint& endpoint,
                               const std::string& why);

// The socket is there, but not for us.
absl::Status EnginePermissionDenied(const EngineEndpoint& endpoint);

// Connected, but no answer within `limit`.
absl::Status EngineTimeout(const EngineEndpoint& endpoint,
                           std::chrono::milliseconds limit);

// What answers is no Docker engine, or speaks no version that we know.
absl::Status EngineApiUnsupported(const EngineEndpoint& endpoint,
                                  const std::string& why);

// The engine reported a failure of its own. `http_status` 0: the answer itself
// made no sense.
absl::Status EngineError(const EngineEndpoint& endpoint, long http_status,
                         const std::string& text);

// An answer of 200 whose content makes no sense.
absl::Status EngineAnswerInvalid(const std::string& why);

// A save stream ended before its end.
absl::Status EngineStreamBroken(const EngineEndpoint& endpoint,
                                const std::string& why);

// A save stream was silent for too long.
absl::Status EngineStalled(const EngineEndpoint& endpoint,
                           std::chrono::milliseconds silence);

absl::Status ImageNotFound(const EngineEndpoint& endpoint,
                           const std::string& reference);

// The engine knows the image and cannot give it out.
absl::Status ImageUnsavable(const std::string& id, const std::string& text);

// A build request that no builder would take. Reason BAD_BUILD.
absl::Status BadBuild(const std::string& what);

// There is no docker CLI on the caller's PATH. Reason BUILDER_NOT_FOUND.
absl::Status BuilderNotFound();

// The builder failed in `step` (may be empty) and said `last_line`. Reason
// BUILD_FAILED.
absl::Status BuildFailed(const std::string& step, const std::string& last_line,
                         int exit_code);

// `found` in words: "linux/arm64", or what the engine said.
absl::Status ArchitectureMismatch(const std::string& reference,
                                  const std::string& found,
                                  const Platform& wanted);

absl::Status ContainerNameTaken(const EngineEndpoint& endpoint,
                                const std::string& name);

// A container's published port belongs to another program; UNAVAILABLE, as the
// next port may be free.
absl::Status PortTaken(const EngineEndpoint& endpoint, const std::string& text);

// `target` is the name that was pushed. `may_pass`: the connection to the
// registry failed, so another try may work.
absl::Status PushFailed(const std::string& target, const std::string& text,
                        bool may_pass);

absl::Status ImagePullFailed(const EngineEndpoint& endpoint,
                             const std::string& reference,
                             const std::string& text);

// This host gets no answer of HTTP from `address`.
absl::Status RegistryUnreachable(const std::string& address,
                                 const std::string& why);

// It answered, but not as a registry does. `http_status` 0: the answer itself
// made no sense.
absl::Status RegistryError(const std::string& address, long http_status,
                           const std::string& why);

// `name` is the repository with its tag or digest.
absl::Status ManifestMissing(const std::string& address,
                             const std::string& name);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_ERRORS_H_
