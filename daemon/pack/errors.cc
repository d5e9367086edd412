#include "pack/errors.h"

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr size_t kMaxShownPath = 1024;
constexpr size_t kMaxWords = 1024;
constexpr size_t kMaxVersion = 100;

// Behind a message: what smolvm said.
std::string Quoted(std::string_view words) {
  return words.empty() ? std::string()
                       : fmt::format(": {}", Printable(words, kMaxWords));
}

std::string Duration(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0
             ? fmt::format("{} seconds", time.count() / 1000)
             : fmt::format("{} milliseconds", time.count());
}

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

absl::Status KeptLayerDamagedError(std::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, kKeptLayerDamaged,
                   fmt::format("a kept layer is damaged: {}", what),
                   "Nothing to do: it is packed anew. If it happens again, "
                   "check the disk.");
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
                  Printable(path, kMaxShownPath), why),
      "Another product has a command of that name. Put the directory of "
      "https://github.com/smol-machines/smolvm first on your PATH.");
}

absl::Status SmolvmUnusableError(std::string_view path, std::string_view why) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SMOLVM_UNUSABLE",
      fmt::format("{} does not work: {}", Printable(path, kMaxShownPath), why),
      fmt::format("Run it yourself to see what is wrong: {} --version",
                  Printable(path, kMaxShownPath)));
}

absl::Status SmolvmTooOldError(std::string_view path, std::string_view version,
                               std::string_view oldest) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SMOLVM_TOO_OLD",
      fmt::format("smolvm {} at {} drops the allow list of machines that are "
                  "made from an artifact, so they would not be isolated",
                  version, Printable(path, kMaxShownPath)),
      fmt::format("Update smolvm to {} or newer.", oldest));
}

absl::Status SmolvmPackFailedError(std::string_view how,
                                   std::string_view words) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "SMOLVM_PACK_FAILED",
      fmt::format("smolvm pack create failed ({}){}", how, Quoted(words)),
      "The job's log has all that smolvm said. Packing with `--packer native` "
      "does without smolvm.");
}

absl::Status VmUnavailableError(std::string_view words, std::string_view kvm) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "VM_UNAVAILABLE",
      fmt::format("smolvm cannot boot a virtual machine here{}{}{}",
                  kvm.empty() ? "" : ", as ", kvm, Quoted(words)),
      "Packing with `--packer native` needs no virtual machine. To use "
      "smolvm's own packer, see what `bottlectl doctor` says about kvm.");
}

absl::Status PackTimeoutError(std::chrono::milliseconds limit,
                              std::string_view words) {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "PACK_TIMEOUT",
                   fmt::format("smolvm pack create was ended after {}{}",
                               Duration(limit), Quoted(words)),
                   "Pack with `--packer native`, or try again when the "
                   "machine is less busy.");
}

absl::Status PackStalledError(std::chrono::milliseconds limit,
                              std::string_view words) {
  return MakeError(
      absl::StatusCode::kDeadlineExceeded, "PACK_STALLED",
      fmt::format("smolvm pack create was ended, as for {} it neither said "
                  "nor wrote anything{}",
                  Duration(limit), Quoted(words)),
      "Pack with `--packer native`, or try again. The job's log has all that "
      "smolvm said.");
}

absl::Status SmolvmOutputInvalidError(std::string_view what,
                                      std::string_view words) {
  return MakeError(
      absl::StatusCode::kDataLoss, "SMOLVM_OUTPUT_INVALID",
      fmt::format("smolvm pack create says that it succeeded, but {}{}", what,
                  Quoted(words)),
      "Pack with `--packer native`, or try another release of smolvm.");
}

absl::Status SmolvmOtherReleaseError(std::string_view made,
                                     std::string_view asked) {
  return MakeError(
      absl::StatusCode::kDataLoss, "SMOLVM_OUTPUT_INVALID",
      fmt::format("smolvm left an artifact of another release: its manifest "
                  "says {}, not {}",
                  Printable(made, kMaxVersion), Printable(asked, kMaxVersion)),
      "Try again: smolvm may have been replaced meanwhile.");
}

}  // namespace bottled
