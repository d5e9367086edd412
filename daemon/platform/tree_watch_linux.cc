#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/errors.h"
#include "platform/fd.h"
#include "platform/tree_watch.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kWatched = IN_CREATE | IN_DELETE | IN_MODIFY |
                              IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_FROM |
                              IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kHow = IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;
constexpr size_t kReadBytes = 64 << 10;

std::string Joined(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string(name)
                           : directory + "/" + std::string(name);
}

class Inotify final : public TreeWatch {
 public:
  Inotify(fs::path root, Skip skip, size_t max_directories, Fd queue)
      : root_(std::move(root)),
        skip_(std::move(skip)),
        max_directories_(max_directories),
        queue_(std::move(queue)) {}

  int fd() const override { return queue_.get(); }

  // Watches `first` and all below it. A directory that goes meanwhile is no
  // error, unless it is the root.
  absl::Status AddTree(const std::string& first) {
    std::vector<std::string> left = {first};
    while (!left.empty()) {
      const std::string directory = std::move(left.back());
      left.pop_back();
      ASSIGN_OR_RETURN(const bool there, AddDirectory(directory));
      if (!there) {
        continue;
      }
      // After the watch: what is made from now on is an event.
      std::error_code error;
      for (fs::directory_iterator it(root_ / directory, error), end;
           !error && it != end; it.increment(error)) {
        std::error_code unknown;
        const std::string inner =
            Joined(directory, it->path().filename().native());
        if (it->symlink_status(unknown).type() == fs::file_type::directory &&
            !skip_(inner)) {
          left.push_back(inner);
        }
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Changed() override {
    bool changed = false;
    while (true) {
      const ssize_t size = ::read(queue_.get(), buffer_.data(), buffer_.size());
      if (size < 0 && errno == EINTR) {
        continue;
      }
      if (size <= 0) {
        const int error = errno;
        if (size < 0 && error != EAGAIN) {
          return ErrnoError(error, "read changes of " + root_.native());
        }
        return changed;
      }
      ASSIGN_OR_RETURN(const bool some, Take(static_cast<size_t>(size)));
      changed = changed || some;
    }
  }

 private:
  // False when it is not there (any more).
  absl::StatusOr<bool> AddDirectory(const std::string& directory) {
    if (directories_.size() >= max_directories_) {
      return WatchLimitError(root_, max_directories_);
    }
    const fs::path path = directory.empty() ? root_ : root_ / directory;
    const int watch =
        ::inotify_add_watch(queue_.get(), path.c_str(), kWatched | kHow);
    if (watch >= 0) {
      directories_[watch] = directory;
      return true;
    }
    const int error = errno;
    if (error == ENOSPC) {
      return WatchLimitError(root_, directories_.size());
    }
    if (directory.empty() || (error != ENOENT && error != ENOTDIR &&
                              error != EACCES && error != ELOOP)) {
      return ErrnoError(error, "watch " + path.native());
    }
    return false;
  }

  void RemoveTree(const std::string& directory) {
    const std::string below = directory + "/";
    for (auto it = directories_.begin(); it != directories_.end();) {
      if (it->second == directory || it->second.starts_with(below)) {
        ::inotify_rm_watch(queue_.get(), it->first);
        it = directories_.erase(it);
      } else {
        ++it;
      }
    }
  }

  absl::StatusOr<bool> Take(size_t size) {
    bool changed = false;
    for (size_t at = 0; at + sizeof(inotify_event) <= size;) {
      inotify_event event = {};
      std::memcpy(&event, buffer_.data() + at, sizeof(event));
      // The kernel pads the name with NUL bytes.
      const std::string name(
          event.len == 0 ? "" : buffer_.data() + at + sizeof(event));
      at += sizeof(event) + event.len;
      ASSIGN_OR_RETURN(const bool counts, TakeOne(event, name));
      changed = changed || counts;
    }
    return changed;
  }

  absl::StatusOr<bool> TakeOne(const inotify_event& event,
                               const std::string& name) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      // Directories may have come that nobody watches. Those that are still
      // there keep their watches.
      directories_.clear();
      RETURN_IF_ERROR(AddTree(""));
      return true;
    }
    const auto found = directories_.find(event.wd);
    if (found == directories_.end()) {
      return false;
    }
    const std::string directory = found->second;
    if ((event.mask & IN_IGNORED) != 0) {
      directories_.erase(found);
      return false;
    }
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0) {
      if (directory.empty()) {
        return ErrnoError(ENOENT, "watch " + root_.native());
      }
      return false;  // its parent has told, too
    }
    const std::string path = Joined(directory, name);
    if (!name.empty() && skip_(path)) {
      return false;
    }
    if ((event.mask & IN_ISDIR) != 0 && !name.empty()) {
      if ((event.mask & IN_MOVED_FROM) != 0) {
        RemoveTree(path);
      } else if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
        RETURN_IF_ERROR(AddTree(path));
      }
    }
    return true;
  }

  const fs::path root_;
  const Skip skip_;
  const size_t max_directories_;
  const Fd queue_;
  // Watch → path relative to the root.
  std::unordered_map<int, std::string> directories_;
  std::array<char, kReadBytes> buffer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TreeWatch>> TreeWatch::Start(
    const fs::path& root, Skip skip, size_t max_directories) {
  Fd queue(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!queue.valid()) {
    return WatchLimitError(root, 0);
  }
  auto watch = std::make_unique<Inotify>(root, std::move(skip), max_directories,
                                         std::move(queue));
  RETURN_IF_ERROR(watch->AddTree(""));
  return watch;
}

}  // namespace bottled
