#include "client/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/status_macros.h"
#include "client/errors.h"

namespace bottled::client {
namespace {

constexpr int64_t kMaxLogBytes = int64_t{8} << 20;
constexpr int64_t kMaxTailBytes = int64_t{4} << 20;
constexpr size_t kMoreBytes = size_t{64} << 10;

// Up to `size` bytes at `offset`; fewer at the end of the file.
absl::StatusOr<std::string> ReadAt(int fd, int64_t offset, size_t size,
                                   const std::filesystem::path& path) {
  std::string out(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t count = ::pread(fd, out.data() + done, size - done,
                                  offset + static_cast<int64_t>(done));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return ReadFailed(errno, path.native());
    }
    if (count == 0) {
      break;
    }
    done += static_cast<size_t>(count);
  }
  out.resize(done);
  return out;
}

}  // namespace

absl::StatusOr<LogFile> OpenLogFile(const std::filesystem::path& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) == 0 && info.st_size > kMaxLogBytes) {
    const std::filesystem::path previous = path.native() + ".1";
    if (::rename(path.c_str(), previous.c_str()) != 0) {
      const int error = errno;
      return ErrnoError(error, "rename " + path.native());
    }
  }
  LogFile log;
  log.path = path;
  log.fd =
      Fd(::open(path.c_str(),
                O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log.fd.valid() || ::fstat(log.fd.get(), &info) != 0) {
    const int error = errno;
    return ErrnoError(error, "open " + path.native());
  }
  log.begin = info.st_size;
  return log;
}

std::vector<std::string> LastLines(const std::string& text, size_t lines) {
  std::vector<std::string> out;
  size_t end = text.size();
  while (end > 0 && out.size() < lines) {
    // A last line without an end counts as one.
    if (text[end - 1] == '\n') {
      --end;
    }
    const size_t newline =
        end == 0 ? std::string::npos : text.rfind('\n', end - 1);
    const size_t begin = newline == std::string::npos ? 0 : newline + 1;
    out.push_back(text.substr(begin, end - begin));
    end = begin;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string> LogTail(const LogFile& log, size_t lines) {
  struct stat info = {};
  if (::fstat(log.fd.get(), &info) != 0 || info.st_size <= log.begin) {
    return {};
  }
  const int64_t begin = std::max<int64_t>(
      log.begin, info.st_size - static_cast<int64_t>(kMoreBytes));
  return LastLines(ReadAt(log.fd.get(), begin,
                          static_cast<size_t>(info.st_size - begin), log.path)
                       .value_or(""),
                   lines);
}

absl::StatusOr<std::string> LogReader::Tail(size_t lines) {
  fd_ = Fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info = {};
  if (!fd_.valid() || ::fstat(fd_.get(), &info) != 0) {
    const int error = errno;
    return ErrnoError(error, "open " + path_.native());
  }
  const int64_t begin = std::max<int64_t>(0, info.st_size - kMaxTailBytes);
  ASSIGN_OR_RETURN(const std::string text,
                   ReadAt(fd_.get(), begin,
                          static_cast<size_t>(info.st_size - begin), path_));
  offset_ = begin + static_cast<int64_t>(text.size());
  std::string out;
  for (const std::string& line : LastLines(text, lines)) {
    out += line + "\n";
  }
  return out;
}

absl::StatusOr<std::string> LogReader::More() {
  ASSIGN_OR_RETURN(std::string text,
                   ReadAt(fd_.get(), offset_, kMoreBytes, path_));
  offset_ += static_cast<int64_t>(text.size());
  if (!text.empty()) {
    return text;
  }
  // Nothing more to come from a file that is no longer under its name.
  struct stat mine = {};
  struct stat named = {};
  if (::fstat(fd_.get(), &mine) == 0 && ::stat(path_.c_str(), &named) == 0 &&
      (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)) {
    Fd next(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (next.valid()) {
      fd_ = std::move(next);
      offset_ = 0;
    }
  }
  return text;
}

}  // namespace bottled::client
