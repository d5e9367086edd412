// Writes tar headers, always the same bytes for the same entry: GNU format,
// base-256 for numbers that do not fit, L and K records for long names, user
// and group names empty. smolvm reads exactly this (measured); it ignores PAX
// times and breaks on PAX sparse files.

#ifndef BOTTLED_IMAGE_TAR_WRITER_H_
#define BOTTLED_IMAGE_TAR_WRITER_H_

#include <cstdint>
#include <string>

#include "image/entry.h"

namespace bottled {

inline constexpr int64_t kTarBlock = 512;
// Two zero blocks end a tar.
inline constexpr int64_t kTarEndBytes = 1024;

// All header blocks of `entry`: a multiple of 512 bytes. Whiteouts and opaque
// markers have none and must not be passed. Directories get a trailing slash.
// uid and gid must be below 2^62, size and mtime not negative; only the kind's
// own fields are written (a size only for kFile, a link only for links, device
// numbers only for devices).
std::string TarHeader(const Entry& entry);

// Zero bytes needed after `size` bytes of content: 0 to 511.
inline int64_t TarPadding(int64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

}  // namespace bottled

#endif  // BOTTLED_IMAGE_TAR_WRITER_H_
