// TreeWatch: says when something in a directory tree has changed, without
// looking at it again and again.
//
// inotify on Linux, with a watch on each directory; nothing on macOS yet, where
// Start() says so. It may report too much, never too little: after the kernel's
// queue has run over everything may have changed, and the tree is walked anew.

#ifndef BOTTLED_PLATFORM_TREE_WATCH_H_
#define BOTTLED_PLATFORM_TREE_WATCH_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace bottled {

// Not thread-safe. File systems that other machines change (NFS) tell nothing
// of those changes.
class TreeWatch {
 public:
  // True for a path relative to the root ("a/b") whose changes do not count; of
  // a directory, all below it.
  using Skip = std::function<bool(const std::string& relative)>;

  // Blocks while it walks the tree. Symbolic links are not followed. Reasons
  // WATCH_LIMIT (more than `max_directories`, or more than the system allows),
  // WATCH_UNSUPPORTED, and what the system says of `root`.
  static absl::StatusOr<std::unique_ptr<TreeWatch>> Start(
      const std::filesystem::path& root, Skip skip, size_t max_directories);

  virtual ~TreeWatch() = default;

  // For poll(): readable when Changed() has something to do.
  virtual int fd() const = 0;

  // Takes what has happened since the last call: true when something that
  // counts may have changed. Blocks only to walk directories that are new.
  // After an error (reasons as Start(); NOT_FOUND when the root is gone) the
  // watch is of no use any more.
  virtual absl::StatusOr<bool> Changed() = 0;
};

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_TREE_WATCH_H_
