#include <fcntl.h>

#include "platform/file_hints.h"

namespace bottled {

void StartWriteback(int fd, int64_t offset, int64_t length) {
  // Errors surface in fsync.
  (void)::sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

void DiscardRange(int fd, int64_t offset, int64_t length) {
  // File systems that cannot do it keep the space until the file is closed.
  (void)::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                    length);
}

void DropCached(int fd, int64_t offset, int64_t length) {
  (void)::posix_fadvise(fd, offset, length, POSIX_FADV_DONTNEED);
}

}  // namespace bottled
