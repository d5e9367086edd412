#include "image/merge_errors.h"

#include "base/error.h"
#include "fmt/format.h"

namespace bottled {

absl::Status UnmergeableError(std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "LAYER_INVALID",
                   fmt::format("the image's layers cannot be merged: {}", what),
                   "Rebuild the image, or pull it again.");
}

absl::Status TreeTooLargeError(int64_t max_entries) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "IMAGE_TOO_LARGE",
      fmt::format("the image holds more than {} files and directories, which "
                  "is as many as smolvm unpacks",
                  max_entries),
      "Remove files from the image, for example package caches.");
}

}  // namespace bottled
