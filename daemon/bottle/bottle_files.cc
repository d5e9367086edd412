#include "bottle/bottle_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "platform/file.h"
#include "platform/file_hints.h"
#include "platform/temporary.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = size_t{4} << 20;
constexpr mode_t kDirMode = 0700;

// A file that is complete under a temporary name.
struct Staged {
  fs::path path;
  Temporary temporary;
};

bool SameContent(const fs::path& path, std::string_view content) {
  const absl::StatusOr<std::string> now = ReadSmallFile(path, kMaxFileBytes);
  struct stat info = {};
  return now.ok() && *now == content && ::lstat(path.c_str(), &info) == 0 &&
         S_ISREG(info.st_mode) && (info.st_mode & 07777) == 0600;
}

class Writer {
 public:
  Writer(fs::path dir, const std::vector<std::string>& directories)
      : dir_(std::move(dir)),
        directories_(directories.begin(), directories.end()) {}

  ~Writer() {
    for (const Staged& staged : staged_) {
      ::unlink(staged.temporary.path.c_str());
    }
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  absl::Status MakeDirectories(const std::vector<BottleFile>& files) {
    std::set<fs::path> wanted = {dir_};
    for (const BottleFile& file : files) {
      AddParents(dir_ / file.path, wanted);
    }
    for (const std::string& directory : directories_) {
      AddParents(dir_ / directory / "x", wanted);
    }
    fresh_ = !PathExists(dir_);
    // A set is in order: parents come first.
    for (const fs::path& directory : wanted) {
      RETURN_IF_ERROR(EnsurePrivateDir(directory, kDirMode));
    }
    all_directories_ = std::move(wanted);
    return absl::OkStatus();
  }

  // Writes under a temporary name, unless the content is there already.
  absl::Status Stage(const fs::path& path, std::string_view content) {
    if (!fresh_ && SameContent(path, content)) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Temporary temporary, CreateTemporary(path.parent_path()));
    staged_.push_back({.path = path, .temporary = std::move(temporary)});
    const int fd = staged_.back().temporary.fd.get();
    if (absl::Status status = WriteAll(fd, content); !status.ok()) {
      return Annotate(status, path.native());
    }
    StartWriteback(fd, 0, static_cast<int64_t>(content.size()));
    return absl::OkStatus();
  }

  // Gives everything that is staged its name. All files are written before the
  // first is synced, so that the file system does it in few steps.
  absl::Status Publish() {
    std::set<fs::path> changed;
    for (const Staged& staged : staged_) {
      RETURN_IF_ERROR(
          SyncFd(staged.temporary.fd.get(), "write " + staged.path.native()));
    }
    while (!staged_.empty()) {
      const Staged& staged = staged_.back();
      if (::rename(staged.temporary.path.c_str(), staged.path.c_str()) != 0) {
        const int error = errno;
        return ErrnoError(error, "replace " + staged.path.native());
      }
      changed.insert(staged.path.parent_path());
      staged_.pop_back();
    }
    for (const fs::path& directory : fresh_ ? all_directories_ : changed) {
      RETURN_IF_ERROR(SyncDir(directory));
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
  std::vector<Staged> staged_;
};

}  // namespace

absl::Status WriteBottleFiles(const fs::path& dir,
                              const std::vector<BottleFile>& files,
                              const std::vector<std::string>& directories,
                              std::string_view plan_json) {
  Writer writer(dir, directories);
  RETURN_IF_ERROR(writer.MakeDirectories(files));
  for (const BottleFile& file : files) {
    RETURN_IF_ERROR(writer.Stage(dir / file.path, file.content));
  }
  RETURN_IF_ERROR(writer.Publish());
  RETURN_IF_ERROR(writer.Stage(dir / kPlanFile, plan_json));
  RETURN_IF_ERROR(writer.Publish());
  return writer.RemoveOthers(files);
}

}  // namespace bottled
