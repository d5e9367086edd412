#include "pack/errors.h"

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {

absl::Status SidecarInvalidError(std::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "SIDECAR_INVALID",
                   fmt::format("not a valid .smolmachine file: {}", what),
                   "Remove the artifact and pack the image again.");
}

absl::Status ChecksumMismatchError(std::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
                   fmt::format("the .smolmachine file is damaged: {}", what),
                   "Remove the artifact and pack the image again. If it "
                   "happens again, check the disk.");
}

absl::Status UnpackableError(std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "UNPACKABLE",
                   fmt::format("the image cannot be packed: {}", what),
                   "Change the image's configuration and build it again.");
}

absl::Status CompressionError(std::string_view what) {
  return MakeError(absl::StatusCode::kInternal, "COMPRESSION_FAILED",
                   fmt::format("zstd failed: {}", what),
                   "Close other programs to free memory, then try again.");
}

absl::Status LayerStreamError(std::string_view path) {
  return MakeError(
      absl::StatusCode::kInternal, "LAYER_STREAM_BROKEN",
      fmt::format("the content of {} does not have the size of its header",
                  Printable(path)),
      "This is a fault in bottled; please report it.");
}

absl::Status SpoolDamagedError(std::string_view what) {
  return MakeError(
      absl::StatusCode::kDataLoss, "SPOOL_DAMAGED",
      fmt::format("a block of the job's spool cannot be read back: {}", what),
      "The disk or the memory of this machine may be failing: check the "
      "kernel's log, then try again.");
}

}  // namespace bottled
