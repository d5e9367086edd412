// The errors of packing, beside those that platform and image return. Each
// function stands for one stable reason.

#ifndef BOTTLED_PACK_ERRORS_H_
#define BOTTLED_PACK_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

namespace bottled {

// DATA_LOSS, reason SIDECAR_INVALID: a file is no sidecar that smolvm and we
// could use. `what` completes "not a valid .smolmachine file: …".
absl::Status SidecarInvalidError(std::string_view what);

// DATA_LOSS, reason CHECKSUM_MISMATCH: a sidecar's bytes are not those that
// were written. `what` completes "the .smolmachine file is damaged: …".
absl::Status ChecksumMismatchError(std::string_view what);

// FAILED_PRECONDITION, reason UNPACKABLE: no sidecar can express the image.
// `what` completes "the image cannot be packed: …".
absl::Status UnpackableError(std::string_view what);

// INTERNAL, reason COMPRESSION_FAILED: zstd refused to work, for lack of memory
// in practice. `what` is zstd's own word for it.
absl::Status CompressionError(std::string_view what);

// INTERNAL, reason LAYER_STREAM_BROKEN: a layer's content does not have the
// size that its header announced, which a layer reader rules out.
absl::Status LayerStreamError(std::string_view path);

// DATA_LOSS, reason SPOOL_DAMAGED: what was compressed cannot be read back.
absl::Status SpoolDamagedError(std::string_view what);

}  // namespace bottled

#endif  // BOTTLED_PACK_ERRORS_H_
