#include "jobs/file_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "jobs/errors.h"
#include "platform/stat_times.h"

namespace bottled {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;

// Linux stamps files with the time of its last timer tick: every 10 ms at
// CONFIG_HZ=100, the slowest setting.
constexpr std::chrono::milliseconds kTick(20);

absl::Status ToError(int errnum, const std::string& path) {
  switch (errnum) {
    case ENOENT:
    case ENOTDIR:
      return ArchiveNotFound(path);
    case EACCES:
    case EPERM:
      return ArchiveForbidden(path);
    case ELOOP:
    case ENXIO:  // a FIFO or socket without a peer
    case EISDIR:
      return ArchiveNotAFile(path);
    default:
      return ErrnoError(errnum, "Cannot open " + Printable(path, 512));
  }
}

absl::StatusOr<ArchiveIdentity> ToIdentity(const struct stat& info,
                                           const std::string& path,
                                           const std::string& reference) {
  if (!S_ISREG(info.st_mode)) {
    return ArchiveNotAFile(path);
  }
  return ArchiveIdentity{.path = path,
                         .reference = reference,
                         .device = static_cast<uint64_t>(info.st_dev),
                         .inode = static_cast<uint64_t>(info.st_ino),
                         .size = info.st_size,
                         .mtime_ns = ModifiedNs(info),
                         .ctime_ns = ChangedNs(info)};
}

void LetTickPass(int64_t ctime_ns) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto age = now - std::chrono::nanoseconds(ctime_ns);
  if (age >= age.zero() && age < kTick) {
    std::this_thread::sleep_for(kTick - age);
  }
}

}  // namespace

absl::StatusOr<ArchiveIdentity> IdentifyArchive(const std::string& path,
                                                const std::string& reference) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return ToError(errno, path);
  }
  return ToIdentity(info, path, reference);
}

bool SameFile(const ArchiveIdentity& a, const ArchiveIdentity& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size &&
         a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns;
}

FileSource::FileSource(Fd fd, ArchiveIdentity identity, CancelToken cancel)
    : fd_(std::move(fd)),
      identity_(std::move(identity)),
      cancel_(std::move(cancel)),
      buffer_(kBlockBytes, '\0') {}

absl::StatusOr<std::unique_ptr<FileSource>> FileSource::Open(
    const std::string& path, const std::string& reference, CancelToken cancel) {
  RETURN_IF_ERROR(cancel.Check());
  // Looking first keeps open() away from devices, where it can have effects.
  RETURN_IF_ERROR(IdentifyArchive(path, reference).status());
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    return ToError(errno, path);
  }
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) {
    return ToError(errno, path);
  }
  ASSIGN_OR_RETURN(ArchiveIdentity identity, ToIdentity(info, path, reference));
  LetTickPass(identity.ctime_ns);
  return std::unique_ptr<FileSource>(
      new FileSource(std::move(fd), std::move(identity), std::move(cancel)));
}

absl::StatusOr<std::string_view> FileSource::Next() {
  RETURN_IF_ERROR(error_);
  error_ = cancel_.Check();
  RETURN_IF_ERROR(error_);
  ssize_t count = 0;
  do {
    count = ::read(fd_.get(), buffer_.data(), buffer_.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    error_ = ErrnoError(errno, "Cannot read " + Printable(identity_.path, 512));
    return error_;
  }
  return std::string_view(buffer_.data(), static_cast<size_t>(count));
}

}  // namespace bottled
