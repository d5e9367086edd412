// The typed errors of the platform layer. Each function makes one; see
// base/error.h. Thread-safe.

#ifndef BOTTLED_PLATFORM_ERRORS_H_
#define BOTTLED_PLATFORM_ERRORS_H_

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string_view>

#include "absl/status/status.h"

namespace bottled {

// BAD_PATH: a configured path cannot be used; `what` names its origin.
absl::Status BadPathError(std::string_view what, std::string_view why);

// BAD_PATH: the path does not fit into sockaddr_un.
absl::Status SocketPathTooLongError(const std::filesystem::path& path);

// UNSAFE_DIRECTORY: others could put files into `dir`; `remedy` mends it.
absl::Status UnsafeDirectoryError(const std::filesystem::path& dir,
                                  std::string_view why,
                                  std::string_view remedy);

// FILE_TOO_LARGE
absl::Status FileTooLargeError(const std::filesystem::path& path,
                               size_t max_bytes);

// NOT_A_REGULAR_FILE
absl::Status NotARegularFileError(const std::filesystem::path& path);

// FILE_TRUNCATED, code DATA_LOSS: a file ended before the wanted bytes.
absl::Status FileTruncatedError(std::string_view what);

// ALREADY_RUNNING; `holder` is the text of the lock file, made printable.
absl::Status AlreadyRunningError(const std::filesystem::path& lock_file,
                                 std::string_view holder);

// DAEMON_NOT_RUNNING
absl::Status DaemonNotRunningError(const std::filesystem::path& socket);

// BAD_ACTIVATION: a service manager handed over something unusable.
absl::Status BadActivationError(std::string_view why);

// PROGRAM_NOT_FOUND
absl::Status ProgramNotFoundError(std::string_view program);

// PROGRAM_TOO_SLOW, PROGRAM_TOO_LOUD: "it takes longer than 5000 ms".
absl::Status ProgramTooSlowError(std::chrono::milliseconds limit);
absl::Status ProgramTooLoudError(size_t max_bytes);

// WATCH_LIMIT, code RESOURCE_EXHAUSTED: a tree has more directories than can be
// watched; `watched` of them were.
absl::Status WatchLimitError(const std::filesystem::path& root, size_t watched);

// WATCH_UNSUPPORTED: this system has no way that we know.
absl::Status WatchUnsupportedError();

// BAD_COMMAND: an argument or a variable that no program can be given.
absl::Status BadCommandError(std::string_view why);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_ERRORS_H_
