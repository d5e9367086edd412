// Errors of the image layer, one function each. All say what a user can do.

#ifndef BOTTLED_IMAGE_ERRORS_H_
#define BOTTLED_IMAGE_ERRORS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "image/digest.h"

namespace bottled {

absl::Status BadDigest(std::string_view text);
absl::Status BadReference(std::string_view text, std::string_view why);
absl::Status BadImageConfig(std::string_view why);
absl::Status BadPackOptions(std::string_view why);

absl::Status LayerInvalid(std::string_view why);
absl::Status LayerTruncated();
// `what` is the unit with its number: "131072 bytes".
absl::Status ImageTooLarge(std::string_view what);

absl::Status ArchiveTruncated();
absl::Status ArchiveInvalid(std::string_view why);
absl::Status ArchiveIncomplete(std::string_view missing);
absl::Status ArchiveAmbiguous(std::string_view images);
absl::Status ArchiveNoImage(std::string_view why);
absl::Status DigestMismatch(std::string_view what, const Digest& expected,
                            const Digest& actual);
// UNAVAILABLE, reason KNOWN_LAYER_DIFFERS: a blob has the size and the first
// bytes of another one. Never seen by a user: the archive is read again.
inline constexpr std::string_view kKnownLayerDiffers = "KNOWN_LAYER_DIFFERS";
absl::Status KnownLayerDiffers(std::string_view path);
absl::Status ImageChanged(std::string_view what);
absl::Status EngineStreamError(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_ERRORS_H_
