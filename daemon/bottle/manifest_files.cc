#include "bottle/manifest_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bottle/front_matter.h"
#include "bottle/manifest_errors.h"
#include "bottle/manifest_values.h"
#include "fmt/format.h"
#include "platform/errors.h"
#include "platform/fd.h"
#include "platform/file.h"

namespace bottled {
namespace {

constexpr char kDirectory[] = ".bot-bottle";
constexpr char kLegacyDirectory[] = ".claude-bottle";
constexpr char kSuffix[] = ".md";
// O_NONBLOCK, as opening a FIFO would wait for a writer.
constexpr int kFileFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr int kDirFlags = O_RDONLY | O_CLOEXEC | O_DIRECTORY;

const char* Folder(ManifestKind kind) {
  return kind == ManifestKind::kAgent ? "agents" : "bottles";
}

std::string Join(std::string_view dir, std::string_view name) {
  return fmt::format("{}{}{}", dir, dir.ends_with('/') ? "" : "/", name);
}

bool IsAbsence(int error) { return error == ENOENT || error == ENOTDIR; }

// openat() in `dir` (-1: `name` is absolute); invalid when it is not there.
absl::StatusOr<Fd> OpenIfThere(int dir, const std::string& name, int flags,
                               const std::string& path) {
  Fd fd(::openat(dir < 0 ? AT_FDCWD : dir, name.c_str(), flags));
  const int error = errno;
  if (!fd.valid() && !IsAbsence(error)) {
    return ErrnoError(error, "open " + path);
  }
  return fd;
}

absl::StatusOr<struct stat> Stat(const Fd& fd, const std::string& path) {
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) {
    const int error = errno;
    return ErrnoError(error, "stat " + path);
  }
  return info;
}

absl::Status CheckSafe(const struct stat& info, const std::string& path) {
  if (info.st_uid != ::geteuid()) {
    return ManifestUnsafeFile(path, "belongs to another user",
                              fmt::format("Look at it, then: chown {} {}",
                                          ::geteuid(), Printable(path)));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return ManifestUnsafeFile(
        path, "may be written by others",
        fmt::format("Look at it, then: chmod go-w {}", Printable(path)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(const Fd& fd, const struct stat& info,
                                    const std::string& path) {
  if (!S_ISREG(info.st_mode)) {
    return NotARegularFileError(path);
  }
  // One byte more than allowed tells the parser that it is too much.
  constexpr size_t kMost = kMaxManifestBytes + 1;
  std::string content;
  char buffer[16384];
  while (content.size() < kMost) {
    const size_t want = std::min(sizeof(buffer), kMost - content.size());
    const ssize_t got = ::read(fd.get(), buffer, want);
    const int error = errno;
    if (got < 0 && error != EINTR) {
      return ErrnoError(error, "read " + path);
    }
    if (got == 0) {
      break;
    }
    content.append(buffer, got < 0 ? 0 : static_cast<size_t>(got));
  }
  return content;
}

absl::StatusOr<std::optional<ManifestText>> ReadFrom(
    const std::string& top_path, ManifestKind kind, std::string_view name) {
  ASSIGN_OR_RETURN(const Fd top,
                   OpenIfThere(-1, top_path, kDirFlags, top_path));
  if (!top.valid()) {
    return std::nullopt;
  }
  const std::string dir_path = Join(top_path, Folder(kind));
  ASSIGN_OR_RETURN(const Fd dir,
                   OpenIfThere(top.get(), Folder(kind), kDirFlags, dir_path));
  if (!dir.valid()) {
    return std::nullopt;
  }
  const std::string file_name = std::string(name) + kSuffix;
  const std::string path = Join(dir_path, file_name);
  ASSIGN_OR_RETURN(const Fd file,
                   OpenIfThere(dir.get(), file_name, kFileFlags, path));
  if (!file.valid()) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const struct stat top_info, Stat(top, top_path));
  ASSIGN_OR_RETURN(const struct stat dir_info, Stat(dir, dir_path));
  ASSIGN_OR_RETURN(const struct stat info, Stat(file, path));
  RETURN_IF_ERROR(CheckSafe(top_info, top_path));
  RETURN_IF_ERROR(CheckSafe(dir_info, dir_path));
  RETURN_IF_ERROR(CheckSafe(info, path));
  ASSIGN_OR_RETURN(std::string content, ReadAll(file, info, path));
  return ManifestText{path, std::move(content), false};
}

// "" with errno when it cannot be resolved.
std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(
      ::realpath(path.c_str(), nullptr), std::free);
  return real == nullptr ? "" : real.get();
}

bool IsSameFile(const std::string& a, const std::string& b) {
  struct stat x = {};
  struct stat y = {};
  return ::stat(a.c_str(), &x) == 0 && ::stat(b.c_str(), &y) == 0 &&
         x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

}  // namespace

absl::StatusOr<std::optional<ManifestText>> ReadHomeManifest(
    const std::string& home, ManifestKind kind, std::string_view name) {
  ASSIGN_OR_RETURN(std::optional<ManifestText> found,
                   ReadFrom(Join(home, kDirectory), kind, name));
  if (found.has_value()) {
    return found;
  }
  ASSIGN_OR_RETURN(found, ReadFrom(Join(home, kLegacyDirectory), kind, name));
  if (found.has_value()) {
    found->legacy = true;
  }
  return found;
}

bool HasHomeManifest(const std::string& home, ManifestKind kind,
                     std::string_view name) {
  const std::string tail = fmt::format("{}/{}{}", Folder(kind), name, kSuffix);
  return PathExists(Join(Join(home, kDirectory), tail)) ||
         PathExists(Join(Join(home, kLegacyDirectory), tail));
}

absl::StatusOr<std::optional<ManifestText>> ReadRepoAgent(
    const std::string& cwd, std::string_view name) {
  const std::string path =
      Join(cwd, fmt::format("{}/agents/{}{}", kDirectory, name, kSuffix));
  const std::string real = RealPath(path);
  if (real.empty()) {
    const int error = errno;
    // A link that leads nowhere is there and must not be passed over.
    if (IsAbsence(error) && !PathExists(path)) {
      return std::nullopt;
    }
    return ErrnoError(error, "resolve " + path);
  }
  const std::string root = RealPath(cwd);
  if (root.empty()) {
    const int error = errno;
    return ErrnoError(error, "resolve " + cwd);
  }
  if (!real.starts_with(Join(root, ""))) {
    return ManifestOutsideRepo(path);
  }
  const Fd fd(::open(real.c_str(), kFileFlags | O_NOFOLLOW));
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, "open " + path);
  }
  ASSIGN_OR_RETURN(const struct stat info, Stat(fd, path));
  ASSIGN_OR_RETURN(std::string content, ReadAll(fd, info, path));
  return ManifestText{path, std::move(content), false};
}

bool IsHome(const std::string& home, const std::string& cwd) {
  return cwd.empty() || IsSameFile(home, cwd) ||
         IsSameFile(Join(home, kDirectory), Join(cwd, kDirectory));
}

absl::Status RefuseRepoBottles(const std::string& cwd) {
  const std::string path = Join(Join(cwd, kDirectory), "bottles");
  return PathExists(path) ? ManifestRepoBottles(path) : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListManifests(const std::string& home,
                                                       const std::string& cwd,
                                                       ManifestKind kind) {
  std::vector<std::string> dirs = {Join(home, kDirectory),
                                   Join(home, kLegacyDirectory)};
  if (!cwd.empty()) {
    dirs.push_back(Join(cwd, kDirectory));
  }
  std::vector<std::string> out;
  for (const std::string& dir : dirs) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names,
                     ListDir(Join(dir, Folder(kind))));
    for (std::string_view name : names) {
      if (name.ends_with(kSuffix)) {
        name.remove_suffix(sizeof(kSuffix) - 1);
        if (IsManifestName(name)) {
          out.emplace_back(name);
        }
      }
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string ManifestPlaces(const std::string& home, const std::string& cwd,
                           ManifestKind kind) {
  std::string out;
  if (!cwd.empty()) {
    out = fmt::format("{}/{}, ", Join(cwd, kDirectory), Folder(kind));
  }
  return out + fmt::format("{0}/{2}, {1}/{2}", Join(home, kDirectory),
                           Join(home, kLegacyDirectory), Folder(kind));
}

}  // namespace bottled
