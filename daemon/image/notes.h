// Notes: counted differences between an image and what smolvm can represent.
// They travel with the artifact; nothing is lost silently.

#ifndef BOTTLED_IMAGE_NOTES_H_
#define BOTTLED_IMAGE_NOTES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bottled {

struct Note {
  // "SYMLINK_REWRITTEN", "DEVICE_NODE", "FIFO", "XATTRS_DROPPED",
  // "MTIME_CLAMPED", "SYMLINK_OWNERS_OVERFLOW", "SYMLINK_EMPTY_DROPPED",
  // "UNVERIFIED", "MERGED_BY_SMOLVM".
  std::string kind;
  int64_t count = 0;
  std::string example;  // the first path
  std::string message;  // one sentence

  bool operator==(const Note&) const = default;
};

// A note on something that was not counted path by path. `kind` must be one of
// the above.
Note MakeNote(std::string_view kind, std::string_view example,
              int64_t count = 1);

// Collects notes; not thread-safe.
class Notes {
 public:
  // `kind` must be one of the above.
  void Add(std::string_view kind, std::string_view path);
  // Sorted by kind.
  std::vector<Note> Take();

 private:
  std::map<std::string, Note, std::less<>> notes_;
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_NOTES_H_
