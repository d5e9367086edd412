#include "image/notes.h"

#include <utility>

namespace bottled {
namespace {

// What each kind means to the user of a machine.
std::string_view MessageOf(std::string_view kind) {
  static const std::map<std::string_view, std::string_view> messages = {
      {"DEVICE_NODE",
       "Device nodes are in the artifact, but smolvm does not create them in "
       "the machine."},
      {"FIFO",
       "Named pipes are in the artifact, but smolvm does not create them in "
       "the machine."},
      {"MERGED_BY_SMOLVM",
       "smolvm merged the layers itself: what an opaque directory hides may "
       "show, hard links may join files across layers, and directories may "
       "lose their owners."},
      {"MTIME_CLAMPED",
       "Modification times that smolvm cannot read were replaced by the "
       "nearest one that it can."},
      {"SYMLINK_EMPTY_DROPPED",
       "Symbolic links without a target cannot exist on Linux and were left "
       "out."},
      {"SYMLINK_OWNERS_OVERFLOW",
       "These directories hold so many symbolic links not owned by root that "
       "smolvm loses the links' owners."},
      {"SYMLINK_REWRITTEN",
       "Targets of symbolic links that smolvm refuses were written in another "
       "form that leads to the same place."},
      {"UNVERIFIED",
       "The engine could not save the image, so a container's file system was "
       "taken: no digest vouches for it, and some files of /etc are the "
       "engine's."},
      {"XATTRS_DROPPED",
       "Extended attributes, file capabilities among them, are not carried "
       "into the machine."},
  };
  const auto it = messages.find(kind);
  return it == messages.end() ? std::string_view() : it->second;
}

}  // namespace

Note MakeNote(std::string_view kind, std::string_view example, int64_t count) {
  return {.kind = std::string(kind),
          .count = count,
          .example = std::string(example),
          .message = std::string(MessageOf(kind))};
}

void Notes::Add(std::string_view kind, std::string_view path) {
  auto it = notes_.find(kind);
  if (it == notes_.end()) {
    it = notes_.emplace(std::string(kind), MakeNote(kind, path, 0)).first;
  }
  ++it->second.count;
}

std::vector<Note> Notes::Take() {
  std::vector<Note> result;
  result.reserve(notes_.size());
  for (auto& [kind, note] : notes_) {
    result.push_back(std::move(note));
  }
  notes_.clear();
  return result;
}

}  // namespace bottled
