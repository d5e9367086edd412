#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "platform/errors.h"
#include "platform/fault_calls.h"
#include "platform/file.h"

namespace bottled {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// "link/" and "link/." name the target of a symbolic link, not the link.
std::filesystem::path WithoutTail(std::filesystem::path path) {
  while (path.has_relative_path() &&
         (path.filename().empty() || path.filename() == ".")) {
    path = path.parent_path();
  }
  return path;
}

// Sets `created` when `dir` itself was made.
absl::Status MakeDirs(const std::filesystem::path& dir, mode_t mode,
                      bool* created) {
  *created = false;
  if (sys::Mkdir(dir.c_str(), mode) == 0) {
    *created = true;
    return absl::OkStatus();
  }
  int error = errno;
  if (error == ENOENT && dir.has_relative_path() && dir.has_parent_path()) {
    bool parent_created = false;
    const std::filesystem::path parent = WithoutTail(dir.parent_path());
    RETURN_IF_ERROR(MakeDirs(parent, mode, &parent_created));
    if (parent_created) {
      const std::filesystem::path above = parent.parent_path();
      RETURN_IF_ERROR(SyncDir(above.empty() ? "." : above));
    }
    if (sys::Mkdir(dir.c_str(), mode) == 0) {
      *created = true;
      return absl::OkStatus();
    }
    error = errno;
  }
  // What is there is judged afterwards.
  return error == EEXIST ? absl::OkStatus()
                         : ErrnoError(error, "mkdir " + dir.native());
}

absl::Status CheckKind(const std::filesystem::path& dir,
                       const struct stat& info) {
  if (S_ISLNK(info.st_mode)) {
    return UnsafeDirectoryError(
        dir, "is a symbolic link",
        fmt::format("Remove the link {}, or configure the directory that it "
                    "points to.",
                    dir.native()));
  }
  if (!S_ISDIR(info.st_mode)) {
    return UnsafeDirectoryError(dir, "is not a directory",
                                fmt::format("Move {} away.", dir.native()));
  }
  return absl::OkStatus();
}

}  // namespace

bool PathExists(const std::filesystem::path& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0;
}

absl::Status EnsurePrivateDir(const std::filesystem::path& path, mode_t mode) {
  const std::filesystem::path dir = WithoutTail(path);
  const std::string what = "open " + dir.native();
  bool created = false;
  RETURN_IF_ERROR(MakeDirs(dir, mode, &created));
  struct stat info = {};
  if (::lstat(dir.c_str(), &info) != 0) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  RETURN_IF_ERROR(CheckKind(dir, info));
  if (info.st_uid != ::geteuid()) {
    return UnsafeDirectoryError(
        dir, fmt::format("belongs to user {}", info.st_uid),
        fmt::format("Run: sudo chown {} '{}'", ::geteuid(), dir.native()));
  }
  // Through a descriptor from here on, so that what was checked is what is
  // changed.
  const Fd fd(
      sys::Open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  if (info.st_uid != ::geteuid()) {
    return UnsafeDirectoryError(dir, "changes its owner", "");
  }
  if ((info.st_mode & 022) != 0 && !created) {
    // Not mended: somebody may have put files there already.
    return UnsafeDirectoryError(
        dir,
        fmt::format("is writable by others (mode {:04o})",
                    static_cast<unsigned>(info.st_mode & 07777)),
        fmt::format("Look at what is inside, then run: chmod {:04o} '{}'",
                    static_cast<unsigned>(mode), dir.native()));
  }
  const bool too_open = (info.st_mode & 0777 & ~mode) != 0;
  const bool cut_by_umask = created && (info.st_mode & 0777) != mode;
  if ((too_open || cut_by_umask) && sys::Fchmod(fd.get(), mode) != 0) {
    const int error = errno;
    return ErrnoError(error, "chmod " + dir.native());
  }
  return absl::OkStatus();
}

absl::Status SyncDir(const std::filesystem::path& dir, FaultSite site) {
  const std::string what = "sync " + dir.native();
  const Fd fd(sys::Open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  return SyncFd(fd.get(), what, site);
}

absl::StatusOr<std::vector<std::string>> ListDir(
    const std::filesystem::path& dir) {
  const std::string what = "list " + dir.native();
  std::vector<std::string> names;
  Fd fd(sys::Open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    const int error = errno;
    if (error == ENOENT) {
      return names;
    }
    return ErrnoError(error, what);
  }
  const std::unique_ptr<DIR, CloseDir> stream(::fdopendir(fd.get()));
  if (stream == nullptr) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  fd.Release();
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) {
      break;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  if (const int error = errno; error != 0) {
    return ErrnoError(error, what);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace bottled
