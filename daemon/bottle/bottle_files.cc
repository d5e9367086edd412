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

// Paths are texts here: comparing std::filesystem::path, component by
// component, was a third of the time.
constexpr mode_t kDirMode = 0700;
constexpr mode_t kFileMode = 0600;

std::string Parent(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

// Whether `path` is a file, not a link, of this content that only its owner may
// read and write.
bool HasContent(const std::string& path, std::string_view content) {
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
absl::Status EnsureSubdirectory(const std::string& path) {
  struct stat info = {};
  if ((::mkdir(path.c_str(), kDirMode) == 0 || errno == EEXIST) &&
      ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
      (info.st_mode & 07777) == kDirMode) {
    return absl::OkStatus();
  }
  return EnsurePrivateDir(path, kDirMode);
}

// Into a file that was made just now; removes it again after an error.
absl::Status WriteNew(Fd fd, const std::string& path,
                      std::string_view content) {
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, "create " + path);
  }
  if (absl::Status status = WriteAll(fd.get(), content); !status.ok()) {
    ::unlink(path.c_str());
    return Annotate(status, path);
  }
  return absl::OkStatus();
}

class Writer {
 public:
  Writer(const std::filesystem::path& dir,
         const std::vector<std::string>& own_content)
      : dir_(dir.native()),
        own_content_(own_content.begin(), own_content.end()) {}

  absl::Status MakeDirectories(const std::vector<BottleFile>& files) {
    for (const BottleFile& file : files) {
      AddParents(file.path);
    }
    for (const std::string& directory : own_content_) {
      directories_.insert(directory);
      AddParents(directory);
    }
    fresh_ = !PathExists(dir_);
    RETURN_IF_ERROR(EnsurePrivateDir(dir_, kDirMode));
    // A set is in order: parents come first.
    for (const std::string& directory : directories_) {
      RETURN_IF_ERROR(EnsureSubdirectory(Absolute(directory)));
    }
    return absl::OkStatus();
  }

  absl::Status Put(const std::string& name, std::string_view content) {
    // Nobody looks into a new directory before plan.json is there.
    if (fresh_) {
      const std::string path = Absolute(name);
      return WriteNew(
          Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    kFileMode)),
          path, content);
    }
    return PutWhole(name, content);
  }

  // The same, for those who read the file already, or wait for it.
  absl::Status PutWhole(const std::string& name, std::string_view content) {
    const std::string path = Absolute(name);
    if (HasContent(path, content)) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Temporary temporary, CreateTemporary(Parent(path)));
    const std::string& staged = temporary.path.native();
    RETURN_IF_ERROR(WriteNew(std::move(temporary.fd), staged, content));
    if (::rename(staged.c_str(), path.c_str()) != 0) {
      const int error = errno;
      ::unlink(staged.c_str());
      return ErrnoError(error, "replace " + path);
    }
    return absl::OkStatus();
  }

  // Removes what belongs to an earlier revision.
  absl::Status RemoveOthers(const std::vector<BottleFile>& files) {
    if (fresh_) {
      return absl::OkStatus();
    }
    std::set<std::string> wanted = {std::string(kPlanFile)};
    for (const BottleFile& file : files) {
      wanted.insert(file.path);
    }
    return RemoveOthersIn("", wanted);
  }

 private:
  std::string Absolute(const std::string& name) const {
    return dir_ + "/" + name;
  }

  void AddParents(const std::string& name) {
    for (size_t end = name.rfind('/'); end != std::string::npos && end > 0;
         end = name.rfind('/', end - 1)) {
      directories_.insert(name.substr(0, end));
    }
  }

  // `in` is "" or ends in a slash.
  absl::Status RemoveOthersIn(const std::string& in,
                              const std::set<std::string>& wanted) {
    ASSIGN_OR_RETURN(const std::vector<std::string> entries,
                     ListDir(Absolute(in)));
    for (const std::string& entry : entries) {
      const std::string name = in + entry;
      if (wanted.contains(name) || own_content_.contains(name)) {
        continue;
      }
      if (directories_.contains(name)) {
        RETURN_IF_ERROR(RemoveOthersIn(name + "/", wanted));
      } else {
        RETURN_IF_ERROR(RemoveTree(Absolute(name)));
      }
    }
    return absl::OkStatus();
  }

  // Absolute. All other names are relative to it.
  const std::string dir_;
  const std::set<std::string> own_content_;
  // The bottle's directory was made just now.
  bool fresh_ = false;
  std::set<std::string> directories_;
};

}  // namespace

absl::Status WriteBottleFiles(const std::filesystem::path& dir,
                              const std::vector<BottleFile>& files,
                              const std::vector<std::string>& directories,
                              std::string_view plan_json) {
  Writer writer(dir, directories);
  RETURN_IF_ERROR(writer.MakeDirectories(files));
  for (const BottleFile& file : files) {
    RETURN_IF_ERROR(writer.Put(file.path, file.content));
  }
  RETURN_IF_ERROR(writer.PutWhole(std::string(kPlanFile), plan_json));
  return writer.RemoveOthers(files);
}

}  // namespace bottled
