// The image config: what OCI's image-spec calls application/vnd.oci.image.
// config.v1+json, reduced to what a machine needs.

#ifndef BOTTLED_IMAGE_CONFIG_H_
#define BOTTLED_IMAGE_CONFIG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/digest.h"
#include "image/platform.h"

namespace bottled {

struct ImageConfig {
  Platform platform;
  // "KEY=value", as NormalizeEnv() leaves them.
  std::vector<std::string> env;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::string working_dir;  // empty = "/"
  std::string user;         // "agent", "1000:1000"; empty = root
  // RFC 3339, as the image has it; empty when absent or malformed.
  std::string created;
  // Digests of the uncompressed layers, bottom first.
  std::vector<Digest> diff_ids;

  bool operator==(const ImageConfig&) const = default;
};

// Reads a config blob (OCI or docker). JSON depth and size are bounded, nulls
// and absent members mean empty, a member of another type is an error. Reason
// BAD_IMAGE_CONFIG; `diff_ids` may be empty.
absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view json);

// Drops entries without "=" or without a name, as smolvm would silently do, and
// keeps the last of several entries with one name, in the place of the first.
std::vector<std::string> NormalizeEnv(const std::vector<std::string>& env);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_CONFIG_H_
