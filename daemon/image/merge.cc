#include "image/merge.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/errors.h"
#include "image/merge_tree.h"
#include "image/symlink.h"

namespace bottled {
namespace {

using Id = MergeTree::Id;
using Ref = MergeTree::Ref;

// What smolvm can keep about the owners of one directory's symbolic links: an
// extended attribute of that many bytes (measured on ext4).
constexpr size_t kMaxLinkOwnerBytes = 4000;

size_t Depth(std::string_view path) {
  return static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
}

// The target of a symbolic link that is written as `path` instead of its own
// path.
std::string TargetAt(const Entry& link, std::string_view path) {
  std::string target = link.link;
  const size_t depth = Depth(link.path);
  if (link.link_rewritten && !target.starts_with('/')) {
    // It was made relative to the root from where it was; keep that meaning.
    std::string ups;
    for (size_t i = 0; i < depth; ++i) {
      ups += "../";
    }
    const std::string slashed = target == "." ? "" : target + '/';
    if (slashed.starts_with(ups)) {
      target = '/' + slashed.substr(ups.size());
      if (target.size() > 1) {
        target.pop_back();
      }
    }
  }
  return SafeSymlinkTarget(path, target).value_or(target);
}

void CopyMetadata(const Entry& from, Entry& to) {
  to.mode = from.mode;
  to.uid = from.uid;
  to.gid = from.gid;
  to.mtime = from.mtime;
  to.mtime_clamped = from.mtime_clamped;
}

// Equal in all that TarHeader() writes, for entries of one kind and size.
bool SameHeader(const Entry& a, const Entry& b) {
  return a.path == b.path && a.link == b.link && a.mode == b.mode &&
         a.uid == b.uid && a.gid == b.gid && a.mtime == b.mtime;
}

// Turns a finished tree into what is to be written.
class Planner {
 public:
  Planner(const MergeTree& tree, std::span<const LayerEntries* const> layers)
      : tree_(tree), layers_(layers) {}

  MergedTree Plan();

 private:
  void PlanInode(const MergeTree::Inode& inode);
  void PlanDirectories();
  void NoteCarrier(const Entry& carrier, const Entry& origin);
  bool LinkOwnersOverflow(Id directory) const;
  // Writes `header`, which stands for `node`, in the place of an entry, after
  // what is there already.
  void Write(Id node, Ref ref, Entry header);
  // The layer before which a directory has to be written.
  uint32_t LayerOf(Id directory) const;

  const MergeTree& tree_;
  const std::span<const LayerEntries* const> layers_;
  MergedTree result_;
  Notes notes_;
  // Of directories that are younger than something below them.
  std::unordered_map<Id, uint32_t> earlier_;
};

MergedTree Planner::Plan() {
  for (const LayerEntries* layer : layers_) {
    LayerPlan& plan = result_.layers.emplace_back();
    plan.fates.assign(layer->size(), Fate::kDropped);
  }
  for (const MergeTree::Inode& inode : tree_.inodes()) {
    PlanInode(inode);
  }
  PlanDirectories();
  for (const std::string& path : tree_.empty_links()) {
    notes_.Add("SYMLINK_EMPTY_DROPPED", path);
  }
  result_.notes = notes_.Take();
  return std::move(result_);
}

void Planner::PlanInode(const MergeTree::Inode& inode) {
  const Entry& origin = tree_.entry(inode.origin);
  const Entry& meta = tree_.entry(inode.meta);
  std::string carrier_path;
  for (Id id = inode.first; id != MergeTree::kNone; id = tree_.name(id).next) {
    const MergeTree::Name& name = tree_.name(id);
    if (name.node == MergeTree::kNone) {
      continue;
    }
    const bool is_carrier = carrier_path.empty();
    Entry header = is_carrier ? origin : tree_.entry(name.entry);
    const bool moved = [&] {
      std::string path = tree_.PathOf(name.node);
      const bool differs = path != header.path;
      header.path = std::move(path);
      return differs;
    }();
    CopyMetadata(meta, header);
    if (is_carrier) {
      carrier_path = header.path;
      header.has_xattrs = origin.has_xattrs || meta.has_xattrs;
      if (moved && origin.kind == EntryKind::kSymlink) {
        header.link = TargetAt(origin, header.path);
      }
      NoteCarrier(header, origin);
    } else {
      header.link = carrier_path;
    }
    if (origin.kind == EntryKind::kCharDevice ||
        origin.kind == EntryKind::kBlockDevice) {
      notes_.Add("DEVICE_NODE", header.path);
    } else if (origin.kind == EntryKind::kFifo) {
      notes_.Add("FIFO", header.path);
    }
    Write(name.node, is_carrier ? inode.origin : name.entry, std::move(header));
  }
}

void Planner::NoteCarrier(const Entry& carrier, const Entry& origin) {
  if (origin.link_rewritten || carrier.link != origin.link) {
    notes_.Add("SYMLINK_REWRITTEN", carrier.path);
  }
  if (carrier.has_xattrs) {
    notes_.Add("XATTRS_DROPPED", carrier.path);
  }
  if (carrier.mtime_clamped) {
    notes_.Add("MTIME_CLAMPED", carrier.path);
  }
}

uint32_t Planner::LayerOf(Id directory) const {
  const auto earlier = earlier_.find(directory);
  return earlier == earlier_.end() ? tree_.node(directory).layer
                                   : earlier->second;
}

void Planner::Write(Id node, Ref ref, Entry header) {
  ++result_.entry_count;
  // Content that a link copied up is written where its layer has it.
  for (Id above = tree_.node(node).parent; LayerOf(above) > ref.layer;
       above = tree_.node(above).parent) {
    earlier_[above] = ref.layer;
  }
  LayerPlan& plan = result_.layers[ref.layer];
  Fate& fate = plan.fates[ref.index];
  const Entry& own = tree_.entry(ref);
  if (fate == Fate::kDropped && SameHeader(header, own)) {
    fate = Fate::kKept;
    return;
  }
  std::vector<Entry>& headers = plan.rewritten[ref.index];
  if (fate == Fate::kKept) {
    headers.push_back(own);
  }
  fate = Fate::kRewritten;
  headers.push_back(std::move(header));
}

void Planner::PlanDirectories() {
  std::vector<std::pair<std::string, Id>> found = {{"", MergeTree::kRoot}};
  // Grows while it is walked: a queue, so that depth costs no stack.
  for (size_t i = 0; i < found.size(); ++i) {
    const MergeTree::Node& node = tree_.node(found[i].second);
    if (node.children == nullptr) {
      continue;
    }
    for (const auto& [name, child] : *node.children) {
      if (tree_.node(child).is_directory()) {
        found.emplace_back(tree_.PathOf(child), child);
      }
    }
  }
  std::sort(found.begin(), found.end());
  for (auto& [path, id] : found) {
    if (LinkOwnersOverflow(id)) {
      notes_.Add("SYMLINK_OWNERS_OVERFLOW", path.empty() ? "/" : path);
    }
    if (id == MergeTree::kRoot) {
      continue;
    }
    Entry directory;
    if (const Ref ref = tree_.node(id).directory;
        ref.layer != MergeTree::kNone) {
      directory = tree_.entry(ref);
    } else {
      directory.kind = EntryKind::kDirectory;
      directory.mode = 0755;
    }
    directory.path = std::move(path);
    if (directory.has_xattrs) {
      notes_.Add("XATTRS_DROPPED", directory.path);
    }
    ++result_.entry_count;
    result_.directories.push_back({std::move(directory), LayerOf(id)});
  }
}

bool Planner::LinkOwnersOverflow(Id directory) const {
  const MergeTree::Node& node = tree_.node(directory);
  if (node.children == nullptr) {
    return false;
  }
  size_t bytes = 0;
  for (const auto& [name, child] : *node.children) {
    if (tree_.node(child).is_directory()) {
      continue;
    }
    const MergeTree::Inode& inode = tree_.inodes()[tree_.node(child).inode];
    const Entry& owner = tree_.entry(inode.meta);
    if (tree_.entry(inode.origin).kind == EntryKind::kSymlink &&
        (owner.uid != 0 || owner.gid != 0)) {
      bytes +=
          name.size() + fmt::formatted_size("{}:{}", owner.uid, owner.gid) + 2;
    }
  }
  return bytes > kMaxLinkOwnerBytes;
}

}  // namespace

absl::StatusOr<MergedTree> MergeLayers(
    std::span<const LayerEntries* const> layers, const ImageLimits& limits) {
  MergeTree tree(layers, limits);
  for (uint32_t i = 0; i < layers.size(); ++i) {
    RETURN_IF_ERROR(tree.ApplyLayer(i));
  }
  MergedTree merged = Planner(tree, layers).Plan();
  if (merged.entry_count > limits.max_entries) {
    return ImageTooLarge(fmt::format("{} entries", limits.max_entries));
  }
  return merged;
}

}  // namespace bottled
