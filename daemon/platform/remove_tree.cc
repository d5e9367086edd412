#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "platform/fault_calls.h"
#include "platform/file.h"

namespace bottled {
namespace {

// Every level of the recursion holds a descriptor; what is deeper is moved to
// the top first, so that no depth exhausts stack or descriptors.
constexpr int kMaxDepth = 32;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

class TreeRemover {
 public:
  explicit TreeRemover(std::string shown) : shown_(std::move(shown)) {}

  // Removes `name` within `parent`, whatever it is.
  absl::Status Remove(int parent, const char* name, int depth) {
    // Directories answer EISDIR on Linux, EPERM by POSIX and on macOS.
    if (sys::UnlinkAt(parent, name, 0) == 0 || errno == ENOENT) {
      return absl::OkStatus();
    }
    const int unlink_error = errno;
    struct stat info = {};
    if (::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      const int error = errno;
      return error == ENOENT ? absl::OkStatus() : Failed(error, name);
    }
    if (!S_ISDIR(info.st_mode)) {
      return Failed(unlink_error, name);
    }
    if (depth == 0) {
      device_ = info.st_dev;
    } else if (info.st_dev != device_) {
      return Failed(EXDEV, name);
    }
    if (depth >= kMaxDepth) {
      const std::string moved = ".deep-" + RandomHex(12);
      return sys::RenameAt(parent, name, top_, moved.c_str()) == 0
                 ? absl::OkStatus()
                 : Failed(errno, name);
    }
    RETURN_IF_ERROR(Empty(parent, name, info.st_mode, depth));
    return sys::UnlinkAt(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT
               ? absl::OkStatus()
               : Failed(errno, name);
  }

 private:
  absl::Status Empty(int parent, const char* name, mode_t mode, int depth) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    Fd fd(::openat(parent, name, kFlags));
    if (!fd.valid() && errno == EACCES) {
      // Ours, but closed to us. A swap for a link between fstatat() and here
      // takes a process of the same user, who could chmod the target anyway.
      ::fchmodat(parent, name, 0700, 0);
      fd = Fd(::openat(parent, name, kFlags));
    }
    if (!fd.valid()) {
      const int error = errno;
      return Failed(error, name);
    }
    if ((mode & 0700) != 0700) {
      sys::Fchmod(fd.get(), 0700);
    }
    const std::unique_ptr<DIR, CloseDir> stream(::fdopendir(fd.get()));
    if (stream == nullptr) {
      const int error = errno;
      return Failed(error, name);
    }
    const int dir_fd = fd.Release();
    if (depth == 0) {
      top_ = dir_fd;
    }
    // Again until a pass finds nothing: some file systems skip entries when
    // others vanish, and deep directories arrive at the top meanwhile.
    for (bool found = true; found;) {
      found = false;
      ::rewinddir(stream.get());
      while (true) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr) {
          break;
        }
        const std::string_view entry_name = entry->d_name;
        if (entry_name == "." || entry_name == "..") {
          continue;
        }
        found = true;
        RETURN_IF_ERROR(Remove(dir_fd, entry->d_name, depth + 1));
      }
      if (const int error = errno; error != 0) {
        return Failed(error, name);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Failed(int error, const char* name) const {
    return ErrnoError(error,
                      "remove " + Printable(name, 512) + " within " + shown_);
  }

  const std::string shown_;
  // Of the outermost directory, while it is open.
  int top_ = -1;
  dev_t device_ = 0;
};

}  // namespace

absl::Status RemoveTree(const std::filesystem::path& path) {
  std::string text = path.native();
  // "link/" would name the target of a symbolic link.
  while (text.size() > 1 && text.back() == '/') {
    text.pop_back();
  }
  return TreeRemover(Printable(text, 1024)).Remove(AT_FDCWD, text.c_str(), 0);
}

}  // namespace bottled
