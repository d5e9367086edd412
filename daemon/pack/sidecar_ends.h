// What stands at the end of a sidecar and says what the rest is. Private to
// pack/.

#ifndef BOTTLED_PACK_SIDECAR_ENDS_H_
#define BOTTLED_PACK_SIDECAR_ENDS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "pack/sidecar.h"

namespace bottled {

struct SidecarEnds {
  int64_t file_size = 0;
  Footer footer;
  std::string manifest_json;  // for DecodeManifest()
};

// Reads `fd`, a regular file, by pread. Reasons SIDECAR_INVALID, IO_ERROR.
// Thread-safe.
absl::StatusOr<SidecarEnds> ReadSidecarEnds(int fd);

}  // namespace bottled

#endif  // BOTTLED_PACK_SIDECAR_ENDS_H_
