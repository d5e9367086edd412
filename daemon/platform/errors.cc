#include "platform/errors.h"

#include <sys/un.h>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

// Paths come from environments and flags.
std::string Show(const std::filesystem::path& path) {
  return Printable(path.native(), 1024);
}

}  // namespace

absl::Status BadPathError(std::string_view what, std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_PATH",
                   fmt::format("{}: {}", what, why),
                   "Set it to an absolute path.");
}

absl::Status SocketPathTooLongError(const std::filesystem::path& path) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "BAD_PATH",
      fmt::format("socket path of {} bytes is too long, the system allows {}: "
                  "{}",
                  path.native().size(), sizeof(sockaddr_un::sun_path) - 1,
                  Show(path)),
      "Set BOTTLED_SOCKET to a shorter path.");
}

absl::Status UnsafeDirectoryError(const std::filesystem::path& dir,
                                  std::string_view why,
                                  std::string_view remedy) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "UNSAFE_DIRECTORY",
                   fmt::format("{} {}", Show(dir), why), remedy);
}

absl::Status FileTooLargeError(const std::filesystem::path& path,
                               size_t max_bytes) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "FILE_TOO_LARGE",
      fmt::format("{} has more than {} bytes", Show(path), max_bytes), "");
}

absl::Status NotARegularFileError(const std::filesystem::path& path) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "NOT_A_REGULAR_FILE",
                   fmt::format("{} is not a regular file", Show(path)), "");
}

absl::Status FileTruncatedError(std::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss, "FILE_TRUNCATED",
                   fmt::format("{}: the file ends too early", what), "");
}

absl::Status AlreadyRunningError(const std::filesystem::path& lock_file,
                                 std::string_view holder) {
  return MakeError(
      absl::StatusCode::kAlreadyExists, "ALREADY_RUNNING",
      fmt::format("another daemon ({}) holds {}",
                  holder.empty() ? "unknown" : holder, Show(lock_file)),
      "Use the running daemon, or stop it with `bottlectl daemon stop`.");
}

absl::Status DaemonNotRunningError(const std::filesystem::path& socket) {
  return MakeError(absl::StatusCode::kUnavailable, "DAEMON_NOT_RUNNING",
                   fmt::format("no daemon answers on {}", Show(socket)),
                   "Start it with `bottlectl daemon start`.");
}

absl::Status BadActivationError(std::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "BAD_ACTIVATION",
                   fmt::format("socket activation: {}", why),
                   "Check the socket unit; it must hold Unix stream sockets.");
}

absl::Status ProgramNotFoundError(std::string_view program) {
  const std::string name = Printable(program, 256);
  return MakeError(absl::StatusCode::kNotFound, "PROGRAM_NOT_FOUND",
                   fmt::format("program not found: {}", name),
                   fmt::format("Install {} or add it to PATH.", name));
}

absl::Status ProgramTooSlowError(std::chrono::milliseconds limit) {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "PROGRAM_TOO_SLOW",
                   fmt::format("it takes longer than {} ms", limit.count()),
                   "");
}

absl::Status ProgramTooLoudError(size_t max_bytes) {
  return MakeError(absl::StatusCode::kResourceExhausted, "PROGRAM_TOO_LOUD",
                   fmt::format("it prints more than {}",
                               FormatBytes(static_cast<int64_t>(max_bytes))),
                   "");
}

absl::Status WatchLimitError(const std::filesystem::path& root,
                             size_t watched) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "WATCH_LIMIT",
      fmt::format("{} has more directories than can be watched ({} are)",
                  Show(root), watched),
      "Leave directories out with .dockerignore, or raise "
      "fs.inotify.max_user_watches and fs.inotify.max_user_instances.");
}

absl::Status WatchUnsupportedError() {
  return MakeError(absl::StatusCode::kUnimplemented, "WATCH_UNSUPPORTED",
                   "directories cannot be watched on this system",
                   "Changes are seen when the daemon looks by itself.");
}

absl::Status BadCommandError(std::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_COMMAND",
                   std::string(why), "");
}

}  // namespace bottled
