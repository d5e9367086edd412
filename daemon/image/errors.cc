#include "image/errors.h"

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

constexpr size_t kMaxQuoted = 200;

std::string Quoted(std::string_view text) {
  return "\"" + Printable(text, kMaxQuoted) + "\"";
}

constexpr char kSaveAgain[] =
    "Write the archive again, for instance with docker save -o FILE IMAGE.";

}  // namespace

absl::Status BadDigest(std::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_DIGEST",
                   Quoted(text) + " is not a digest",
                   "A digest is sha256: and 64 lower-case hexadecimal digits.");
}

absl::Status BadReference(std::string_view text, std::string_view why) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "BAD_REFERENCE",
      fmt::format("{} is not an image reference: {}", Quoted(text), why),
      "Write it as docker does, for instance alpine:3.20 or "
      "host:5000/name@sha256:…");
}

absl::Status BadImageConfig(std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_IMAGE_CONFIG",
                   fmt::format("The image's config cannot be used: {}", why),
                   "Build the image again; its config breaks the OCI format.");
}

absl::Status BadPackOptions(std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_PACK_OPTIONS", why,
                   "cpus is 1 to 255; memory is 64 to 4194304 MiB.");
}

absl::Status LayerInvalid(std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "LAYER_INVALID",
                   fmt::format("A layer of the image is invalid: {}", why),
                   "Build the image again, or report the tool that made it.");
}

absl::Status LayerTruncated() {
  return MakeError(absl::StatusCode::kDataLoss, "LAYER_TRUNCATED",
                   "A layer of the image ends in the middle of an entry",
                   kSaveAgain);
}

absl::Status ImageTooLarge(std::string_view what) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "IMAGE_TOO_LARGE",
      fmt::format("The image has more than {}, which is the limit", what),
      "Make the image smaller, or raise max-image-bytes as far as smolvm's own "
      "limits (128 GiB, 2 000 000 entries) allow.");
}

absl::Status ArchiveTruncated() {
  return MakeError(absl::StatusCode::kDataLoss, "ARCHIVE_TRUNCATED",
                   "The image archive ends too early", kSaveAgain);
}

absl::Status ArchiveInvalid(std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "ARCHIVE_INVALID",
                   fmt::format("This is not an image archive: {}", why),
                   "Give the output of docker save or a tar of an OCI layout.");
}

absl::Status ArchiveIncomplete(std::string_view missing) {
  return MakeError(
      absl::StatusCode::kDataLoss, "ARCHIVE_INCOMPLETE",
      fmt::format("The image archive lacks {}", Printable(missing, 400)),
      "The engine's store may be damaged: pull or build the image again, then "
      "retry.");
}

absl::Status ArchiveAmbiguous(std::string_view images) {
  return MakeError(absl::StatusCode::kInvalidArgument, "ARCHIVE_AMBIGUOUS",
                   fmt::format("The archive holds several images: {}",
                               Printable(images, 1000)),
                   "Choose one with --ref NAME.");
}

absl::Status ArchiveNoImage(std::string_view why) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "ARCHIVE_NO_IMAGE",
      fmt::format("The archive holds no such image: {}", Printable(why, 1000)),
      "Give the output of docker save or a tar of an OCI layout, and check "
      "--ref.");
}

absl::Status DigestMismatch(std::string_view what, const Digest& expected,
                            const Digest& actual) {
  return MakeError(
      absl::StatusCode::kDataLoss, "DIGEST_MISMATCH",
      fmt::format("{} should be {} and is {}", Printable(what, 400),
                  expected.ToString(), actual.ToString()),
      "The data was damaged on the way or in the store: pull, build or save "
      "the "
      "image again.");
}

absl::Status ImageChanged(std::string_view what) {
  return MakeError(
      absl::StatusCode::kAborted, "IMAGE_CHANGED",
      fmt::format("The engine sent another image than it described: {}", what),
      "The image was replaced meanwhile: ask again.");
}

absl::Status KnownLayerDiffers(std::string_view path) {
  return MakeError(absl::StatusCode::kUnavailable, kKnownLayerDiffers,
                   fmt::format("The layer {} is not the kept one that it "
                               "looks like",
                               Printable(path, 256)),
                   "Try again.");
}

absl::Status EngineStreamError(std::string_view text) {
  return MakeError(
      absl::StatusCode::kDataLoss, "ENGINE_STREAM_ERROR",
      fmt::format("The engine broke off the archive: {}",
                  Printable(text, 1000)),
      "The engine's store may be damaged: pull or build the image again, then "
      "retry.");
}

}  // namespace bottled
