// Reads sidecars strictly: is the file what its footer and manifest say?

#ifndef BOTTLED_PACK_VERIFIER_H_
#define BOTTLED_PACK_VERIFIER_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/digest.h"
#include "pack/sidecar.h"

namespace bottled {

struct SidecarReport {
  SidecarManifest manifest;
  Digest digest;  // SHA-256 of the whole file
  int64_t bytes_read = 0;
  // Only of a deep check.
  int64_t bytes_decoded = 0;
  int64_t entry_count = 0;
};

enum class VerifyDepth {
  // Footer, manifest, CRC-32 and SHA-256 of every byte.
  kChecksums,
  // Also decodes all frames, whose XXH64 checksums zstd compares, and walks
  // both tars: one layer of the promised name and size, and in it each path
  // once, relative and without "..", parents before children, hard links after
  // their first name, symbolic links that smolvm takes, no whiteouts, nothing
  // behind the end. The layer's digest is its ChainID and is not compared with
  // the bytes (sidecar.h).
  kDeep,
};

// Reads `fd` (a regular file, from offset 0 by pread). Reasons SIDECAR_INVALID,
// CHECKSUM_MISMATCH, IO_ERROR, CANCELLED. A wrong CRC-32 is said first,
// whatever else is wrong because of it. Memory: 1 MiB, for a deep check 60
// bytes for each entry and the largest zstd window, at most 128 MiB.
absl::StatusOr<SidecarReport> VerifySidecar(
    int fd, VerifyDepth depth, const CancelToken& cancel,
    const std::function<void(int64_t bytes)>& progress);

}  // namespace bottled

#endif  // BOTTLED_PACK_VERIFIER_H_
