// The times of a file, which POSIX and macOS name differently in struct stat.
// Nanoseconds since the epoch. Pure.

#ifndef BOTTLED_PLATFORM_STAT_TIMES_H_
#define BOTTLED_PLATFORM_STAT_TIMES_H_

#include <sys/stat.h>

#include <cstdint>

namespace bottled {

// Last change of the content.
int64_t ModifiedNs(const struct stat& info);

// Last change of content or attributes; no program can set it.
int64_t ChangedNs(const struct stat& info);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_STAT_TIMES_H_
