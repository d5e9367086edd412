#include "pack/assembly_errors.h"

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {

absl::Status OutOfMemoryError(std::string_view what) {
  return MakeError(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY",
                   fmt::format("there is no memory to {}", what),
                   "Free memory on this machine and try again.");
}

absl::Status SpoolDamagedError() {
  return MakeError(
      absl::StatusCode::kDataLoss, "SPOOL_DAMAGED",
      "a block that was written to the stage directory came back damaged",
      "Check the disk that holds the cache directory, then try again.");
}

absl::Status LayerTooLargeError(int64_t bytes, int64_t max_bytes) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "IMAGE_TOO_LARGE",
      fmt::format("the flattened image is {}, smolvm takes at most {}",
                  FormatBytes(bytes), FormatBytes(max_bytes)),
      "Make the image smaller.");
}

absl::Status InconsistentPlanError(std::string_view what) {
  return MakeError(absl::StatusCode::kInternal, "PACK_INCONSISTENT",
                   fmt::format("packing went wrong: {}", what),
                   "Report this as a bug of bottled, with the image.");
}

}  // namespace bottled
