#include "bottle/bottle_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/fd.h"
#include "platform/file.h"
#include "platform/temporary.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kDirMode = 0700;
constexpr mode_t kFileMode = 0600;

// Whether `path` is a file, not a link, of this content that only its owner may
// read and write.
bool HasContent(const fs::path& path, std::string_view content) {
  const Fd fd(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info = {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0 ||
      info.st_mode != (S_IFREG | kFileMode) ||
      info.st_size != static_cast<off_t>(content.size())) {
    return false;
  }
  std::string now(content.size(), '\0');
  return PreadAll(fd.get(), now, 0).ok() && now == content;
}

// A directory in one that is private: what EnsurePrivateDir() checks beyond
// this needs another user's access to it.
absl::Status EnsureSubdirectory(const fs::path& path) {
  struct stat info = {};
  if ((::mkdir(path.c_str(), kDirMode) == 0 || errno == EEXIST) &&
      ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
      (info.st_mode & 07777) == kDirMode) {
    return absl::OkStatus();
  }
  return EnsurePrivateDir(path, kDirMode);
}

class Writer {
 public:
  Writer(fs::path dir, const std::vector<std::string>& directories)
      : dir_(std::move(dir)),
        directories_(directories.begin(), directories.end()) {}

  absl::Status MakeDirectories(const std::vector<BottleFile>& files) {
    std::set<fs::path> wanted = {dir_};
    for (const BottleFile& file : files) {
      AddParents(dir_ / file.path, wanted);
    }
    for (const std::string& directory : directories_) {
      AddParents(dir_ / directory / "x", wanted);
    }
    fresh_ = !PathExists(dir_);
    RETURN_IF_ERROR(EnsurePrivateDir(dir_, kDirMode));
    // A set is in order: parents come first.
    for (const fs::path& directory : wanted) {
      if (directory != dir_) {
        RETURN_IF_ERROR(EnsureSubdirectory(directory));
      }
    }
    all_directories_ = std::move(wanted);
    return absl::OkStatus();
  }

  absl::Status Put(const fs::path& path, std::string_view content) {
    // Nobody looks into a new directory before plan.json is there.
    if (fresh_) {
      return Write(
          Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    kFileMode)),
          path, content);
    }
    return PutWhole(path, content);
  }

  // The same, for those who read the file already, or wait for it.
  absl::Status PutWhole(const fs::path& path, std::string_view content) {
    if (HasContent(path, content)) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Temporary temporary, CreateTemporary(path.parent_path()));
    RETURN_IF_ERROR(Write(std::move(temporary.fd), temporary.path, content));
    if (::rename(temporary.path.c_str(), path.c_str()) != 0) {
      const int error = errno;
      ::unlink(temporary.path.c_str());
      return ErrnoError(error, "replace " + path.native());
    }
    return absl::OkStatus();
  }

  // Removes what belongs to an earlier revision.
  absl::Status RemoveOthers(const std::vector<BottleFile>& files) {
    if (fresh_) {
      return absl::OkStatus();
    }
    std::set<fs::path> wanted = {dir_ / kPlanFile};
    for (const BottleFile& file : files) {
      wanted.insert(dir_ / file.path);
    }
    return RemoveOthersIn(dir_, wanted);
  }

 private:
  // Into a file that was made just now; removes it again after an error.
  static absl::Status Write(Fd fd, const fs::path& path,
                            std::string_view content) {
    if (!fd.valid()) {
      const int error = errno;
      return ErrnoError(error, "create " + path.native());
    }
    if (absl::Status status = WriteAll(fd.get(), content); !status.ok()) {
      ::unlink(path.c_str());
      return Annotate(status, path.native());
    }
    return absl::OkStatus();
  }

  void AddParents(const fs::path& path, std::set<fs::path>& out) const {
    for (fs::path at = path.parent_path(); at != dir_ && at.has_relative_path();
         at = at.parent_path()) {
      out.insert(at);
    }
  }

  absl::Status RemoveOthersIn(const fs::path& directory,
                              const std::set<fs::path>& wanted) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(directory));
    for (const std::string& name : names) {
      const fs::path path = directory / name;
      if (wanted.contains(path) ||
          directories_.contains(path.lexically_relative(dir_).native())) {
        continue;
      }
      if (all_directories_.contains(path)) {
        RETURN_IF_ERROR(RemoveOthersIn(path, wanted));
      } else {
        RETURN_IF_ERROR(RemoveTree(path));
      }
    }
    return absl::OkStatus();
  }

  const fs::path dir_;
  const std::set<std::string> directories_;
  // The bottle's directory was made just now.
  bool fresh_ = false;
  std::set<fs::path> all_directories_;
};

}  // namespace

absl::Status WriteBottleFiles(const fs::path& dir,
                              const std::vector<BottleFile>& files,
                              const std::vector<std::string>& directories,
                              std::string_view plan_json) {
  Writer writer(dir, directories);
  RETURN_IF_ERROR(writer.MakeDirectories(files));
  for (const BottleFile& file : files) {
    RETURN_IF_ERROR(writer.Put(dir / file.path, file.content));
  }
  RETURN_IF_ERROR(writer.PutWhole(dir / kPlanFile, plan_json));
  return writer.RemoveOthers(files);
}

}  // namespace bottled
