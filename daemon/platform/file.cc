#include "platform/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/disk_space.h"
#include "platform/errors.h"
#include "platform/fault_calls.h"
#include "platform/temporary.h"

namespace bottled {
namespace {

// One system call moves at most this much: macOS refuses more than 2 GiB - 1.
constexpr size_t kMaxTransfer = size_t{1} << 30;

absl::Status FillAndRename(const Temporary& temporary,
                           const std::filesystem::path& path,
                           std::string_view content, mode_t mode,
                           FaultSite site) {
  const std::string what = "write " + path.native();
  // fchmod, as the mode of open() is subject to the umask.
  if (sys::Fchmod(temporary.fd.get(), mode) != 0) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  if (absl::Status status = WriteAll(temporary.fd.get(), content);
      !status.ok()) {
    return Annotate(status, path.native());
  }
  RETURN_IF_ERROR(SyncFd(temporary.fd.get(), what, site));
  if (sys::Rename(temporary.path.c_str(), path.c_str(), site) != 0) {
    const int error = errno;
    return ErrnoError(error, "replace " + path.native());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::filesystem::path& path,
                                          size_t max_bytes) {
  const std::string what = "read " + path.native();
  // O_NONBLOCK, as opening a FIFO would wait for a writer.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  if (!S_ISREG(info.st_mode)) {
    return NotARegularFileError(path);
  }
  // The size is a hint only: the file may grow, and /proc says 0.
  std::string content;
  char buffer[16384];
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0) {
      const int error = errno;
      if (error == EINTR) {
        continue;
      }
      return ErrnoError(error, what);
    }
    if (got == 0) {
      return content;
    }
    if (static_cast<size_t>(got) > max_bytes - content.size()) {
      return FileTooLargeError(path, max_bytes);
    }
    content.append(buffer, static_cast<size_t>(got));
  }
}

absl::Status WriteFileAtomic(const std::filesystem::path& path,
                             std::string_view content, mode_t mode,
                             FaultSite site) {
  const std::filesystem::path dir = path.parent_path();
  ASSIGN_OR_RETURN(const Temporary temporary, CreateTemporary(dir));
  if (absl::Status status = FillAndRename(temporary, path, content, mode, site);
      !status.ok()) {
    sys::Unlink(temporary.path.c_str());
    return status;
  }
  return SyncDir(dir.empty() ? "." : dir, site);
}

absl::Status WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t put =
        sys::Write(fd, data.data(), std::min(data.size(), kMaxTransfer));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      // No progress without an error must not become an endless loop.
      const int error = put == 0 ? EIO : errno;
      return ErrnoError(error, "write");
    }
    data.remove_prefix(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

absl::Status PwriteAll(int fd, std::string_view data, int64_t offset) {
  while (!data.empty()) {
    const ssize_t put = sys::Pwrite(
        fd, data.data(), std::min(data.size(), kMaxTransfer), offset);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      const int error = put == 0 ? EIO : errno;
      return ErrnoError(error, "write");
    }
    data.remove_prefix(static_cast<size_t>(put));
    offset += put;
  }
  return absl::OkStatus();
}

absl::Status PreadAll(int fd, std::span<char> out, int64_t offset) {
  while (!out.empty()) {
    const ssize_t got =
        ::pread(fd, out.data(), std::min(out.size(), kMaxTransfer), offset);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      const int error = errno;
      return ErrnoError(error, "read");
    }
    if (got == 0) {
      return FileTruncatedError("read");
    }
    out = out.subspan(static_cast<size_t>(got));
    offset += got;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> FreeBytes(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const DiskSpace space, LookAtDisk(path));
  return space.free_bytes;
}

absl::StatusOr<int64_t> TotalBytes(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const DiskSpace space, LookAtDisk(path));
  return space.total_bytes;
}

}  // namespace bottled
