// MergeTree: the file system that a stack of layers makes, while it is being
// put together. Private to the merge: merge.h gives the rules, merge.cc reads
// the finished tree.
//
// Names are nodes, what they name is an inode, so that hard links survive
// renames of their first name and cuts by later layers. All references are
// indices into arenas; nothing recurses, so depth costs no stack. Not
// thread-safe. The layers must outlive the tree, which points into them.

#ifndef BOTTLED_IMAGE_MERGE_TREE_H_
#define BOTTLED_IMAGE_MERGE_TREE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/entry.h"
#include "image/limits.h"

namespace bottled {

class MergeTree {
 public:
  // Index of a node, an inode or a name; kNone where there is none.
  using Id = uint32_t;
  static constexpr Id kNone = UINT32_MAX;
  static constexpr Id kRoot = 0;

  // An entry of a layer; layer == kNone for what no entry stands for.
  struct Ref {
    uint32_t layer = kNone;
    uint32_t index = kNone;
  };

  // One name in the tree. Live as long as its parent's children have it.
  struct Node {
    std::string_view name;
    Id parent = kNone;
    Id inode = kNone;  // kNone: a directory
    Id link = kNone;   // the Name that stands for this node in its inode
    uint32_t path_bytes = 0;
    uint32_t layer = 0;  // that made it
    Ref directory;       // a directory's metadata; none: 0755 root:root
    std::unique_ptr<std::map<std::string_view, Id>> children;

    bool is_directory() const { return inode == kNone; }
  };

  // A name of an inode and the entry that made it. Dead once the node is gone
  // or went to another inode.
  struct Name {
    Id node = kNone;  // kNone: dead
    Ref entry;
    Id next = kNone;
  };

  // What names share: the content of `origin` under the metadata of `meta`.
  struct Inode {
    Ref origin;
    Ref meta;
    // The layer that made it; a link from a later layer makes a new one.
    uint32_t layer = 0;
    // Names in the order in which they were made.
    Id first = kNone;
    Id last = kNone;
  };

  MergeTree(std::span<const LayerEntries* const> layers,
            const ImageLimits& limits);

  // Applies the layer after the last applied one. Errors as MergeLayers().
  absl::Status ApplyLayer(uint32_t layer);

  const Entry& entry(Ref ref) const { return (*layers_[ref.layer])[ref.index]; }
  const Node& node(Id id) const { return nodes_[id]; }
  const Name& name(Id id) const { return names_[id]; }
  // In the order in which they were made; some have no live name.
  const std::deque<Inode>& inodes() const { return inodes_; }
  // The full path of a node, in the form of Entry::path.
  std::string PathOf(Id id) const;
  // Where symbolic links without a target would have been.
  const std::vector<std::string>& empty_links() const { return empty_links_; }

 private:
  // How ResolveDirectory() treats what is not there.
  enum class Missing { kCreate, kFail, kFailWhereHidden };

  absl::Status Hide(const Entry& marker);
  absl::Status Add(Ref ref);
  absl::Status AddDirectory(Ref ref, Id parent, std::string_view name);
  absl::Status AddLink(Ref ref, Id parent, std::string_view name);

  // The directory that `path` leads to, symbolic links followed; kNone when
  // there is none. kCreate makes what is missing and replaces what is none.
  // kFailWhereHidden stops at links that the current layer replaces.
  absl::StatusOr<Id> ResolveDirectory(std::string_view path, Missing missing);
  Id Find(Id directory, std::string_view name) const;
  absl::StatusOr<Id> NewNode(Id parent, std::string_view name);
  absl::StatusOr<Id> NewDirectory(Id parent, std::string_view name, Ref ref);
  void AppendName(Id inode, Id node, Ref entry);
  // Removes a node and all below it.
  void Remove(Id id);
  void RemoveChildren(Id id);
  bool LayerHas(const std::string& path);

  // Constant after construction.
  const std::span<const LayerEntries* const> layers_;
  const ImageLimits limits_;

  std::deque<Node> nodes_;
  std::deque<Name> names_;
  std::deque<Inode> inodes_;
  std::vector<std::string> empty_links_;
  int64_t implied_directories_ = 0;

  // Of the layer that is being applied.
  uint32_t layer_ = 0;
  bool layer_paths_known_ = false;
  std::vector<std::string_view> layer_paths_;  // sorted
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_MERGE_TREE_H_
