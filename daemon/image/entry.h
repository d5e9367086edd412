// Entry: one member of a layer tar, with the names and targets that a machine
// will see.

#ifndef BOTTLED_IMAGE_ENTRY_H_
#define BOTTLED_IMAGE_ENTRY_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bottled {

enum class EntryKind : uint8_t {
  kFile,
  kDirectory,
  kSymlink,
  kHardlink,
  kCharDevice,
  kBlockDevice,
  kFifo,
  // OCI image-spec layer.md#whiteouts; `path` is what disappears.
  kWhiteout,
  // `path` is the directory whose lower content disappears; "" is the root.
  kOpaque,
};

struct Entry {
  EntryKind kind = EntryKind::kFile;
  // Relative, no leading or trailing slash, no empty, "." or ".." component.
  // Any byte but NUL and '/'. Each component ≤ 255 bytes, all < 4096.
  std::string path;
  // Permission bits with setuid, setgid and sticky (07777).
  uint32_t mode = 0;
  uint64_t uid = 0;
  uint64_t gid = 0;
  // Whole seconds since the epoch, never negative: smolvm reads no fractions.
  int64_t mtime = 0;
  // Symbolic link: the target, already one that smolvm accepts.
  // Hard link: the path of the first name, in the form of `path`.
  std::string link;
  // Bytes of content; only of kFile. Sparse files count in full.
  int64_t size = 0;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;

  // What was changed or cannot be carried, for the notes.
  bool link_rewritten = false;
  bool has_xattrs = false;
  bool mtime_clamped = false;

  bool operator==(const Entry&) const = default;
};

// All entries of one layer in the order of its tar.
using LayerEntries = std::vector<Entry>;

}  // namespace bottled

#endif  // BOTTLED_IMAGE_ENTRY_H_
