// The parts of requests that say what an artifact is made from, checked. Bad
// forms are INVALID_ARGUMENT, reason BAD_REQUEST.

#ifndef BOTTLED_RPC_CONVERT_SOURCE_H_
#define BOTTLED_RPC_CONVERT_SOURCE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bottled/v1/bottled.pb.h"
#include "endpoint/endpoint.h"
#include "engine/build.h"
#include "image/content_key.h"
#include "jobs/pack_service.h"

namespace bottled {

inline constexpr size_t kMaxReferenceBytes = 4096;
inline constexpr size_t kMaxPathBytes = 4096;
// Of a PATH.
inline constexpr size_t kMaxSearchPathBytes = 64 << 10;

// Not longer than `max_bytes`, and without NUL bytes.
absl::Status CheckText(const std::string& text, size_t max_bytes,
                       std::string_view what);

// Empty, or absolute and well-formed.
absl::Status CheckPath(const std::string& path, std::string_view what);

// Also ValidateEndpoint()'s reasons.
absl::StatusOr<EngineEndpoint> EndpointFromProto(
    const v1::EngineEndpoint& engine);

// The engine that a request names or, when it names none, the default if there
// is one.
absl::StatusOr<std::optional<EngineEndpoint>> OptionalEngine(
    bool has_engine, const v1::EngineEndpoint& engine,
    const absl::StatusOr<EngineEndpoint>& default_engine);

absl::StatusOr<std::string> ReferenceFromProto(
    const v1::LocalImageSource& image);
absl::StatusOr<ArchiveFileSource> ArchiveFromProto(
    const v1::ArchiveSource& archive);
// Also ValidateBuild()'s reasons.
absl::StatusOr<BuildSpec> BuildFromProto(const v1::BuildSource& source);

// An empty word is kAuto.
absl::StatusOr<PackerKind> PackerFromProto(const std::string& word);

// Also ValidatePackOptions()'s reasons.
absl::StatusOr<PackOptions> OptionsFromProto(const v1::PackOptions& options);

}  // namespace bottled

#endif  // BOTTLED_RPC_CONVERT_SOURCE_H_
