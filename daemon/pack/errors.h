// The errors of packing, beside those that platform and image return. Each
// function stands for one stable reason.

#ifndef BOTTLED_PACK_ERRORS_H_
#define BOTTLED_PACK_ERRORS_H_

#include <chrono>
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

// DATA_LOSS, reason KEPT_LAYER_DAMAGED: what an earlier pack left cannot be
// used. Never seen by a user: the layer is packed anew.
inline constexpr std::string_view kKeptLayerDamaged = "KEPT_LAYER_DAMAGED";
absl::Status KeptLayerDamagedError(std::string_view what);

inline constexpr std::string_view kSmolvmNotFound = "SMOLVM_NOT_FOUND";
inline constexpr std::string_view kSmolvmForeign = "SMOLVM_FOREIGN";
inline constexpr std::string_view kSmolvmUnusable = "SMOLVM_UNUSABLE";

// The next four are FAILED_PRECONDITION. `path` is the program's.

// Reason SMOLVM_NOT_FOUND: the caller's PATH leads to none.
absl::Status SmolvmNotFoundError();

// Reason SMOLVM_FOREIGN: a program of that name is another vendor's. `why`
// completes "… is not the smolvm of smol-machines: …".
absl::Status SmolvmForeignError(std::string_view path, std::string_view why);

// Reason SMOLVM_UNUSABLE: it cannot be run, or does not answer as it should.
// `why` completes "… does not work: …".
absl::Status SmolvmUnusableError(std::string_view path, std::string_view why);

// Reason SMOLVM_TOO_OLD: this release does not isolate a machine that is made
// from an artifact. `oldest` is the first that does.
absl::Status SmolvmTooOldError(std::string_view path, std::string_view version,
                               std::string_view oldest);

// The next six are of smolvm's own packer. `words` is the last that it said,
// printable; empty = nothing.

// FAILED_PRECONDITION, reason SMOLVM_PACK_FAILED: it failed. `how` is how it
// ended: "exit status 1".
absl::Status SmolvmPackFailedError(std::string_view how,
                                   std::string_view words);

// FAILED_PRECONDITION, reason VM_UNAVAILABLE: no virtual machine can boot here,
// or none answers. `kvm` says what is wrong with this machine's KVM; empty =
// nothing that we could see.
absl::Status VmUnavailableError(std::string_view words, std::string_view kvm);

// DEADLINE_EXCEEDED, reason PACK_TIMEOUT: it was ended after `limit`.
absl::Status PackTimeoutError(std::chrono::milliseconds limit,
                              std::string_view words);

// DEADLINE_EXCEEDED, reason PACK_STALLED: it was ended after it had done
// nothing for `limit`.
absl::Status PackStalledError(std::chrono::milliseconds limit,
                              std::string_view words);

// DATA_LOSS, reason SMOLVM_OUTPUT_INVALID: it says that it succeeded. `what`
// completes "…, but ".
absl::Status SmolvmOutputInvalidError(std::string_view what,
                                      std::string_view words);

// DATA_LOSS, reason SMOLVM_OUTPUT_INVALID: the release that made the artifact,
// by its manifest, is not `asked`, the one that was to run.
absl::Status SmolvmOtherReleaseError(std::string_view made,
                                     std::string_view asked);

}  // namespace bottled

#endif  // BOTTLED_PACK_ERRORS_H_
