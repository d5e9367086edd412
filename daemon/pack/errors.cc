#include "pack/errors.h"

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr size_t kMaxPath = 1024;

}  // namespace

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

absl::Status SmolvmNotFoundError() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SMOLVM_NOT_FOUND",
                   "there is no smolvm on the PATH; machines cannot be "
                   "launched without it",
                   "Install smolvm 1.8.0 or newer from "
                   "https://github.com/smol-machines/smolvm and put it on your "
                   "PATH. Packing images works without it.");
}

absl::Status SmolvmForeignError(std::string_view path, std::string_view why) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SMOLVM_FOREIGN",
      fmt::format("{} is not the smolvm of smol-machines: {}",
                  Printable(path, kMaxPath), why),
      "Another product has a command of that name. Put the directory of "
      "https://github.com/smol-machines/smolvm first on your PATH.");
}

absl::Status SmolvmUnusableError(std::string_view path, std::string_view why) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SMOLVM_UNUSABLE",
      fmt::format("{} does not work: {}", Printable(path, kMaxPath), why),
      fmt::format("Run it yourself to see what is wrong: {} --version",
                  Printable(path, kMaxPath)));
}

absl::Status SmolvmTooOldError(std::string_view path, std::string_view version,
                               std::string_view oldest) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SMOLVM_TOO_OLD",
      fmt::format("smolvm {} at {} drops the allow list of machines that are "
                  "made from an artifact, so they would not be isolated",
                  version, Printable(path, kMaxPath)),
      fmt::format("Update smolvm to {} or newer.", oldest));
}

}  // namespace bottled
