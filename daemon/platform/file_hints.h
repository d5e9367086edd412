// Hints about large files: both save work or space, neither changes what a
// reader of the remaining bytes sees, and both may do nothing.
//
// Thread-safe.

#ifndef BOTTLED_PLATFORM_FILE_HINTS_H_
#define BOTTLED_PLATFORM_FILE_HINTS_H_

#include <cstdint>

namespace bottled {

// Begins to write a range to the medium, so that a later fsync finds less to
// do. Promises no durability. Linux: sync_file_range(2).
void StartWriteback(int fd, int64_t offset, int64_t length);

// Gives the space of a range back; its bytes are undefined afterwards, those
// around it are not touched. Linux: fallocate(2) with a punched hole.
void DiscardRange(int fd, int64_t offset, int64_t length);

// Forgets what the system keeps in memory of a range, so that the next reading
// is one of the medium; length 0 = to the end. Linux: posix_fadvise(2) with
// DONTNEED.
void DropCached(int fd, int64_t offset = 0, int64_t length = 0);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_FILE_HINTS_H_
