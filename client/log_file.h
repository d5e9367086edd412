// The log of a daemon that bottlectl started: logs/bottled.log in the state
// directory, with one predecessor, bottled.log.1.

#ifndef BOTTLED_CLIENT_LOG_FILE_H_
#define BOTTLED_CLIENT_LOG_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "platform/fd.h"

namespace bottled::client {

struct LogFile {
  std::filesystem::path path;
  // For appending.
  Fd fd;
  // Its size when it was opened: what is behind it belongs to the new daemon.
  int64_t begin = 0;
};

// Opens the log for a new daemon, mode 0600. One of more than 8 MiB becomes the
// predecessor first.
absl::StatusOr<LogFile> OpenLogFile(const std::filesystem::path& path);

// The last lines that were written since it was opened. Empty on errors.
std::vector<std::string> LogTail(const LogFile& log, size_t lines);

// The last `lines` lines of `text`, without their ends.
std::vector<std::string> LastLines(const std::string& text, size_t lines);

// Follows a log file: hands out what is new, and starts again when the file is
// replaced. Not thread-safe.
class LogReader {
 public:
  explicit LogReader(std::filesystem::path path) : path_(std::move(path)) {}

  // The last `lines` lines of the last 4 MiB; NOT_FOUND when there is no log.
  absl::StatusOr<std::string> Tail(size_t lines);

  // What was appended since, at most 64 KiB.
  absl::StatusOr<std::string> More();

 private:
  const std::filesystem::path path_;
  Fd fd_;
  int64_t offset_ = 0;
};

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_LOG_FILE_H_
