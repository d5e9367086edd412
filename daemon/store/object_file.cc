#include "store/object_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "platform/fault_calls.h"
#include "platform/file.h"
#include "platform/stat_times.h"
#include "store/errors.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

// The magic at the start of a sidecar's footer, its last 64 bytes; see
// docs/format.md and pack/sidecar.h, which this layer does not see.
constexpr std::string_view kFooterMagic = "SMOLPACK";
constexpr int64_t kFooterBytes = 64;

constexpr size_t kReadBytes = size_t{1} << 20;

absl::StatusOr<Fd> OpenAt(int dir, const char* name, int flags,
                          const fs::path& shown) {
  Fd fd(sys::OpenAt(dir, name, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.valid()) {
    return fd;
  }
  const int error = errno;
  // open(2): ELOOP for a link; ENOTDIR for a link where a directory is wanted;
  // ENXIO for a socket.
  if (error == ELOOP || error == ENOTDIR || error == ENXIO) {
    return ArtifactDamagedError(shown, "something else is in its place");
  }
  return ErrnoError(error, "open " + shown.native());
}

}  // namespace

absl::StatusOr<Fd> OpenNoFollow(const fs::path& path) {
  return OpenAt(AT_FDCWD, path.c_str(), O_NONBLOCK, path);
}

absl::StatusOr<Fd> OpenObjectFile(const Places& places, const Digest& digest) {
  const fs::path dir = places.object_dir(digest.hex());
  const fs::path file = places.object(digest.hex());
  ASSIGN_OR_RETURN(const Fd dir_fd,
                   OpenAt(AT_FDCWD, dir.c_str(), O_DIRECTORY, dir));
  return OpenAt(dir_fd.get(), file.filename().c_str(), O_NONBLOCK, file);
}

absl::Status CheckShape(int fd, const fs::path& path, int64_t size,
                        struct stat& info) {
  if (sys::Fstat(fd, &info) != 0) {
    const int error = errno;
    return ErrnoError(error, "stat " + path.native());
  }
  if (!S_ISREG(info.st_mode)) {
    return ArtifactDamagedError(path, "it is not a regular file");
  }
  if (info.st_uid != ::geteuid()) {
    return ArtifactDamagedError(path, "it belongs to another user");
  }
  if (info.st_size != size) {
    return ArtifactDamagedError(
        path, fmt::format("it has {} bytes instead of {}", info.st_size, size));
  }
  if (size < kFooterBytes) {
    return ArtifactDamagedError(path, "it is shorter than a footer");
  }
  std::array<char, kFooterMagic.size()> magic = {};
  if (absl::Status status = PreadAll(fd, magic, size - kFooterBytes);
      !status.ok()) {
    return Annotate(status, path.native());
  }
  if (!std::equal(magic.begin(), magic.end(), kFooterMagic.begin())) {
    return ArtifactDamagedError(path, "it has no footer");
  }
  return absl::OkStatus();
}

absl::Status CheckUnchanged(int fd, const fs::path& path,
                            const ArtifactRecord& record) {
  struct stat info = {};
  RETURN_IF_ERROR(CheckShape(fd, path, record.size_bytes, info));
  ArtifactRecord now;
  NoteIdentity(info, now);
  if (now.inode != record.inode) {
    return ArtifactDamagedError(path, "another file is in its place");
  }
  if (now.mtime_ns != record.mtime_ns) {
    return ArtifactDamagedError(path, "it was written to");
  }
  return absl::OkStatus();
}

absl::Status CheckContent(int fd, const fs::path& path, ArtifactRecord& record,
                          const OnRead& on_read) {
  struct stat info = {};
  RETURN_IF_ERROR(CheckShape(fd, path, record.size_bytes, info));
  Sha256 hash;
  std::vector<char> buffer(kReadBytes);
  for (int64_t offset = 0; offset < record.size_bytes;) {
    const auto want = static_cast<size_t>(std::min<int64_t>(
        static_cast<int64_t>(kReadBytes), record.size_bytes - offset));
    if (absl::Status status =
            PreadAll(fd, std::span(buffer).first(want), offset);
        !status.ok()) {
      return Annotate(status, path.native());
    }
    hash.Update({buffer.data(), want});
    offset += static_cast<int64_t>(want);
    if (on_read) {
      RETURN_IF_ERROR(on_read(static_cast<int64_t>(want)));
    }
  }
  if (hash.Finish() != record.digest) {
    return ArtifactDamagedError(path, "its SHA-256 is not its name");
  }
  NoteIdentity(info, record);
  return absl::OkStatus();
}

absl::StatusOr<bool> MoveAside(const fs::path& from, const fs::path& dir,
                               FaultSite site) {
  // Names that others chose may be as long as a name can be.
  const std::string name = from.filename().native().substr(0, 200);
  const fs::path to = dir / fmt::format("{}.{}", name, RandomHex(4));
  if (sys::Rename(from.c_str(), to.c_str(), site) == 0) {
    return true;
  }
  const int error = errno;
  if (error == ENOENT) {
    return false;
  }
  return ErrnoError(error, "move " + from.native() + " to " + dir.native());
}

namespace {

absl::Status SyncOrGiveUp(int fd, const fs::path& path) {
  const absl::Status status = SyncFd(fd, path.native());
  return status.ok() ? status
                     : ArtifactDamagedError(path, "it cannot be synced");
}

}  // namespace

absl::Status SyncObject(const Places& places, const Digest& digest) {
  ASSIGN_OR_RETURN(const Fd file, OpenObjectFile(places, digest));
  RETURN_IF_ERROR(SyncOrGiveUp(file.get(), places.object(digest.hex())));
  const fs::path record = places.object_record(digest.hex());
  if (PathExists(record)) {
    ASSIGN_OR_RETURN(const Fd fd, OpenNoFollow(record));
    RETURN_IF_ERROR(SyncOrGiveUp(fd.get(), record));
  }
  return SyncDir(places.object_dir(digest.hex()));
}

void NoteIdentity(const struct stat& info, ArtifactRecord& record) {
  record.device = static_cast<uint64_t>(info.st_dev);
  record.inode = static_cast<uint64_t>(info.st_ino);
  record.mtime_ns = ModifiedNs(info);
}

}  // namespace bottled
