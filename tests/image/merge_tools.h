// What the tests of the merge share: layers written as short lists of entries,
// and the tree that a tar reader makes of a merge's result.

#ifndef BOTTLED_TESTS_IMAGE_MERGE_TOOLS_H_
#define BOTTLED_TESTS_IMAGE_MERGE_TOOLS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "image/entry.h"
#include "image/merge.h"

namespace bottled {

// Entries with owner 0, mode 0755 for directories and 0644 for the rest.
Entry MakeFile(const std::string& path, int64_t size = 1);
Entry MakeDir(const std::string& path);
Entry MakeSymlink(const std::string& path, const std::string& target);
Entry MakeHardlink(const std::string& path, const std::string& target);
Entry MakeNode(EntryKind kind, const std::string& path);
Entry MakeWhiteout(const std::string& path);
Entry MakeOpaque(const std::string& path);

// Where content comes from: the layer and the index of the entry in it.
using ContentId = std::pair<size_t, size_t>;

// One path of a finished tree.
struct Thing {
  EntryKind kind = EntryKind::kFile;
  uint32_t mode = 0;
  uint64_t uid = 0;
  uint64_t gid = 0;
  int64_t mtime = 0;
  std::string link;   // of symbolic links
  ContentId content;  // of files
  // The first of the paths that share the inode; not set for directories.
  std::string group;

  bool operator==(const Thing&) const = default;
};

// By path, without the root.
using Tree = std::map<std::string, Thing>;

std::string ToString(const Thing& thing);
std::string ToString(const Tree& tree);
std::string ToString(const LayerEntries& layer);

// Sets every thing's group from the identities of inodes in `inodes`.
void SetGroups(const std::map<std::string, const void*>& inodes, Tree& tree);

// Extracts the merged tar as a strict reader does and records test failures
// for everything that smolvm would refuse or lose: a path that comes twice, a
// parent that is not there yet, a hard link before its target, an unsafe
// symbolic link, directories out of order, a wrong entry count, an entry that
// is rewritten without need.
Tree Replay(const MergedTree& merged,
            const std::vector<const LayerEntries*>& layers);

// Merges and replays; fails the test on an error.
Tree MergeAndReplay(const std::vector<LayerEntries>& layers);

// Merges layers given by value.
absl::StatusOr<MergedTree> Merge(const std::vector<LayerEntries>& layers);

}  // namespace bottled

#endif  // BOTTLED_TESTS_IMAGE_MERGE_TOOLS_H_
