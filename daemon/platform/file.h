// Files and directories: whole-file reads and writes, durability, removal.
//
// All functions block on the disk, are thread-safe, set O_CLOEXEC, and return
// ErrnoError()s that name the path.

#ifndef BOTTLED_PLATFORM_FILE_H_
#define BOTTLED_PLATFORM_FILE_H_

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "platform/fault_site.h"
#include "platform/fd.h"

namespace bottled {

// Reads a regular file of at most `max_bytes`; a larger one is an error (reason
// FILE_TOO_LARGE), as is anything else (NOT_A_REGULAR_FILE). Follows links.
absl::StatusOr<std::string> ReadSmallFile(const std::filesystem::path& path,
                                          size_t max_bytes);

// Replaces `path` durably: temporary file beside it, fsync, rename, fsync of
// the directory. Readers see the old or the new content, never a mixture.
absl::Status WriteFileAtomic(const std::filesystem::path& path,
                             std::string_view content, mode_t mode,
                             FaultSite site = FaultSite::current());

// Writes all bytes, whatever the number of write() calls. These three know no
// path: callers Annotate() their errors.
absl::Status WriteAll(int fd, std::string_view data);
absl::Status PwriteAll(int fd, std::string_view data, int64_t offset);

// Reads exactly `out.size()` bytes at `offset`; an earlier end is DATA_LOSS,
// reason FILE_TRUNCATED.
absl::Status PreadAll(int fd, std::span<char> out, int64_t offset);

// Forces data and metadata of an open file to the medium (F_FULLFSYNC on
// macOS). After an error the data may be gone: do not retry (fsyncgate).
absl::Status SyncFd(int fd, std::string_view what,
                    FaultSite site = FaultSite::current());

// Opens a directory and fsyncs it, so that renames within it last.
absl::Status SyncDir(const std::filesystem::path& dir,
                     FaultSite site = FaultSite::current());

// Whether anything has that name, a dangling symbolic link too.
bool PathExists(const std::filesystem::path& path);

// Creates `dir` and missing parents with `mode`, then checks that it is a real
// directory, not a symbolic link, owned by this user and writable by nobody
// else (reason UNSAFE_DIRECTORY, with the command that mends it). A directory
// that passes, but lets others read more than `mode` does, gets `mode`. The
// names of parents that were made last; that of `dir` is the caller's to sync.
absl::Status EnsurePrivateDir(const std::filesystem::path& dir, mode_t mode);

// Removes a tree without following symbolic links (openat, unlinkat) or
// entering other file systems. A path that does not exist is fine. Works at any
// depth, and in directories of ours that lack permissions.
absl::Status RemoveTree(const std::filesystem::path& path);

// Names in a directory, sorted, without "." and "..". Empty when it is absent.
absl::StatusOr<std::vector<std::string>> ListDir(
    const std::filesystem::path& dir);

// A new unnamed file in `dir` that vanishes with its descriptor (O_TMPFILE, or
// an unlinked temporary where the file system has none).
absl::StatusOr<Fd> OpenUnnamedFile(const std::filesystem::path& dir);

// rename() that fails with ALREADY_EXISTS instead of replacing `to`.
absl::Status RenameNoReplace(const std::filesystem::path& from,
                             const std::filesystem::path& to,
                             FaultSite site = FaultSite::current());

// Bytes of the whole file system of `path`.
absl::StatusOr<int64_t> TotalBytes(const std::filesystem::path& path);

// Bytes that an unprivileged user may still write on the file system of `path`.
absl::StatusOr<int64_t> FreeBytes(const std::filesystem::path& path);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_FILE_H_
