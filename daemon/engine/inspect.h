// Reads the answer of `GET /images/{ref}/json`.

#ifndef BOTTLED_ENGINE_INSPECT_H_
#define BOTTLED_ENGINE_INSPECT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/config.h"
#include "image/digest.h"

namespace bottled {

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
  // Paths at which a container of it gets a volume; absolute, at most 64.
  std::vector<std::string> volumes;
  // Nothing but its ID leads to it, neither a tag nor a digest.
  bool unnamed = false;
  // The engine has lost parts of it: it knows the image, but not for the
  // platform that it is for. Told by EngineClient::InspectImage().
  bool incomplete = false;
};

// The config goes through ParseImageConfig(), so that it is the same as that of
// the config blob. Members may be null or absent (API ≥ 1.50 leaves empty ones
// out); Id must be there. Reason ENGINE_ANSWER_INVALID or BAD_IMAGE_CONFIG.
// Pure, thread-safe.
absl::StatusOr<EngineImage> ParseInspect(std::string_view json);

}  // namespace bottled

#endif  // BOTTLED_ENGINE_INSPECT_H_
