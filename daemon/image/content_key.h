// The content key: what decides whether an artifact can be reused.
//
// It is the SHA-256 of canonical JSON (sorted members, no spaces, UTF-8) over
// the image's diff IDs, its runtime config (env, cmd, entrypoint, working dir,
// user, platform), the pack options and the packer with its revision. Neither
// tag nor image ID nor creation time counts, so the same content under two
// engines, or rebuilt with new attestations, has one key. The JSON is stored
// beside the artifact so that "why was it made again?" has an answer.

#ifndef BOTTLED_IMAGE_CONTENT_KEY_H_
#define BOTTLED_IMAGE_CONTENT_KEY_H_

#include <string>

#include "image/config.h"
#include "image/digest.h"

namespace bottled {

// What a caller may choose about an artifact.
struct PackOptions {
  // Defaults that smolvm records for machines made from it: processors (1 to
  // 255) and memory in MiB (at least 64). These are smolvm's own defaults.
  int cpus = 4;
  int memory_mib = 8192;

  bool operator==(const PackOptions&) const = default;
};

// INVALID_ARGUMENT, reason BAD_PACK_OPTIONS, when out of range.
absl::Status ValidatePackOptions(const PackOptions& options);

// The canonical JSON. `packer` is "native/<revision>".
std::string ContentKeyInputs(const ImageConfig& config,
                             const PackOptions& options,
                             const std::string& packer);

inline Digest ContentKey(const std::string& inputs) { return Sha256Of(inputs); }

}  // namespace bottled

#endif  // BOTTLED_IMAGE_CONTENT_KEY_H_
