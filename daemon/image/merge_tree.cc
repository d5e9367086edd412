#include "image/merge_tree.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "image/errors.h"

namespace bottled {
namespace {

// Linux's own limits: MAXSYMLINKS and PATH_MAX, which smolvm shares.
constexpr int kMaxLinks = 40;
constexpr uint32_t kMaxPathBytes = 4095;

std::pair<std::string_view, std::string_view> SplitPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return {std::string_view(), path};
  }
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// Takes the first component off `rest`; empty when there is none left.
std::string_view NextComponent(std::string_view& rest) {
  const size_t begin = std::min(rest.find_first_not_of('/'), rest.size());
  const size_t end = std::min(rest.find('/', begin), rest.size());
  const std::string_view component = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return component;
}

}  // namespace

MergeTree::MergeTree(std::span<const LayerEntries* const> layers,
                     const ImageLimits& limits)
    : layers_(layers), limits_(limits) {
  nodes_.emplace_back();
}

absl::Status MergeTree::ApplyLayer(uint32_t layer) {
  layer_ = layer;
  layer_paths_known_ = false;
  const LayerEntries& entries = *layers_[layer];
  for (const Entry& entry : entries) {
    if (entry.kind == EntryKind::kWhiteout ||
        entry.kind == EntryKind::kOpaque) {
      RETURN_IF_ERROR(Hide(entry));
    }
  }
  for (uint32_t i = 0; i < entries.size(); ++i) {
    if (entries[i].kind != EntryKind::kWhiteout &&
        entries[i].kind != EntryKind::kOpaque) {
      RETURN_IF_ERROR(Add({layer, i}));
    }
  }
  return absl::OkStatus();
}

absl::Status MergeTree::Hide(const Entry& marker) {
  if (marker.kind == EntryKind::kOpaque) {
    ASSIGN_OR_RETURN(const Id directory,
                     ResolveDirectory(marker.path, Missing::kFailWhereHidden));
    if (directory != kNone) {
      RemoveChildren(directory);
    }
    return absl::OkStatus();
  }
  const auto [parent_path, name] = SplitPath(marker.path);
  ASSIGN_OR_RETURN(const Id parent,
                   ResolveDirectory(parent_path, Missing::kFailWhereHidden));
  const Id hidden = parent == kNone ? kNone : Find(parent, name);
  if (hidden != kNone) {
    Remove(hidden);
  }
  return absl::OkStatus();
}

absl::Status MergeTree::Add(Ref ref) {
  const Entry& added = entry(ref);
  if (added.path.empty()) {
    return absl::OkStatus();
  }
  if (added.kind == EntryKind::kSymlink && added.link.empty()) {
    empty_links_.push_back(added.path);
    return absl::OkStatus();
  }
  const auto [parent_path, name] = SplitPath(added.path);
  ASSIGN_OR_RETURN(const Id parent,
                   ResolveDirectory(parent_path, Missing::kCreate));
  if (added.kind == EntryKind::kDirectory) {
    return AddDirectory(ref, parent, name);
  }
  if (added.kind == EntryKind::kHardlink) {
    return AddLink(ref, parent, name);
  }
  if (const Id old = Find(parent, name); old != kNone) {
    Remove(old);
  }
  ASSIGN_OR_RETURN(const Id node, NewNode(parent, name));
  const Id inode = static_cast<Id>(inodes_.size());
  inodes_.push_back({.origin = ref, .meta = ref, .layer = layer_});
  AppendName(inode, node, ref);
  return absl::OkStatus();
}

absl::Status MergeTree::AddDirectory(Ref ref, Id parent,
                                     std::string_view name) {
  const Id old = Find(parent, name);
  if (old != kNone && nodes_[old].is_directory()) {
    nodes_[old].directory = ref;
    return absl::OkStatus();
  }
  if (old != kNone) {
    Remove(old);
  }
  return NewDirectory(parent, name, ref).status();
}

absl::Status MergeTree::AddLink(Ref ref, Id parent, std::string_view name) {
  const Entry& link = entry(ref);
  const auto [target_path, target_name] = SplitPath(link.link);
  ASSIGN_OR_RETURN(const Id target_parent,
                   ResolveDirectory(target_path, Missing::kFail));
  const Id target =
      target_parent == kNone ? kNone : Find(target_parent, target_name);
  if (target == kNone) {
    return LayerInvalid(
        fmt::format("the hard link {} leads to {}, which does not exist",
                    Printable(link.path), Printable(link.link)));
  }
  if (nodes_[target].is_directory()) {
    return LayerInvalid(
        fmt::format("the hard link {} leads to {}, which is a directory",
                    Printable(link.path), Printable(link.link)));
  }
  const Id old = Find(parent, name);
  if (old == target) {
    // GNU tar writes this for a file that it is told to store twice.
    return absl::OkStatus();
  }
  if (old != kNone) {
    Remove(old);
  }
  if (nodes_[target].link == kNone) {
    return LayerInvalid(
        fmt::format("the hard link {} replaces the directory of its target {}",
                    Printable(link.path), Printable(link.link)));
  }
  Id inode = nodes_[target].inode;
  if (inodes_[inode].layer != layer_) {
    const Inode copy{.origin = inodes_[inode].origin,
                     .meta = inodes_[inode].meta,
                     .layer = layer_};
    Name& old_name = names_[nodes_[target].link];
    const Ref made_by = old_name.entry;
    old_name.node = kNone;
    inode = static_cast<Id>(inodes_.size());
    inodes_.push_back(copy);
    AppendName(inode, target, made_by);
  }
  ASSIGN_OR_RETURN(const Id node, NewNode(parent, name));
  inodes_[inode].meta = ref;
  AppendName(inode, node, ref);
  return absl::OkStatus();
}

absl::StatusOr<MergeTree::Id> MergeTree::ResolveDirectory(std::string_view path,
                                                          Missing missing) {
  Id current = kRoot;
  int links = 0;
  // What is left to walk, innermost link last.
  std::vector<std::string_view> rest = {path};
  while (!rest.empty()) {
    const std::string_view component = NextComponent(rest.back());
    if (component.empty()) {
      rest.pop_back();
      continue;
    }
    if (component == ".") {
      continue;
    }
    if (component == "..") {
      current = current == kRoot ? kRoot : nodes_[current].parent;
      continue;
    }
    const Id child = Find(current, component);
    if (child != kNone && nodes_[child].is_directory()) {
      current = child;
      continue;
    }
    if (child != kNone) {
      const Entry& origin = entry(inodes_[nodes_[child].inode].origin);
      if (origin.kind == EntryKind::kSymlink) {
        if (missing == Missing::kFailWhereHidden && LayerHas(PathOf(child))) {
          return kNone;
        }
        if (++links > kMaxLinks) {
          return LayerInvalid(
              fmt::format("more than {} symbolic links on the path {}",
                          kMaxLinks, Printable(path)));
        }
        if (origin.link.starts_with('/')) {
          current = kRoot;
        }
        rest.push_back(origin.link);
        continue;
      }
    }
    if (missing != Missing::kCreate) {
      return kNone;
    }
    if (child != kNone) {
      Remove(child);
    }
    if (++implied_directories_ > limits_.max_entries) {
      return ImageTooLarge(fmt::format("{} entries", limits_.max_entries));
    }
    ASSIGN_OR_RETURN(current, NewDirectory(current, component, Ref{}));
  }
  return current;
}

MergeTree::Id MergeTree::Find(Id directory, std::string_view name) const {
  const auto& children = nodes_[directory].children;
  if (children == nullptr) {
    return kNone;
  }
  const auto it = children->find(name);
  return it == children->end() ? kNone : it->second;
}

absl::StatusOr<MergeTree::Id> MergeTree::NewNode(Id parent,
                                                 std::string_view name) {
  const size_t slash = parent == kRoot ? 0 : 1;
  const size_t path_bytes = nodes_[parent].path_bytes + slash + name.size();
  if (path_bytes > kMaxPathBytes) {
    return LayerInvalid(fmt::format(
        "the path of {} is longer than {} bytes once symbolic links are "
        "followed",
        Printable(name), kMaxPathBytes));
  }
  const Id id = static_cast<Id>(nodes_.size());
  Node& node = nodes_.emplace_back();
  node.name = name;
  node.parent = parent;
  node.path_bytes = static_cast<uint32_t>(path_bytes);
  node.layer = layer_;
  auto& children = nodes_[parent].children;
  if (children == nullptr) {
    children = std::make_unique<std::map<std::string_view, Id>>();
  }
  children->emplace(name, id);
  return id;
}

absl::StatusOr<MergeTree::Id> MergeTree::NewDirectory(Id parent,
                                                      std::string_view name,
                                                      Ref ref) {
  ASSIGN_OR_RETURN(const Id id, NewNode(parent, name));
  nodes_[id].directory = ref;
  return id;
}

void MergeTree::AppendName(Id inode, Id node, Ref entry) {
  const Id id = static_cast<Id>(names_.size());
  names_.push_back({.node = node, .entry = entry});
  Inode& shared = inodes_[inode];
  if (shared.first == kNone) {
    shared.first = id;
  } else {
    names_[shared.last].next = id;
  }
  shared.last = id;
  nodes_[node].inode = inode;
  nodes_[node].link = id;
}

void MergeTree::Remove(Id id) {
  nodes_[nodes_[id].parent].children->erase(nodes_[id].name);
  RemoveChildren(id);
  Node& node = nodes_[id];
  if (node.link != kNone) {
    names_[node.link].node = kNone;
    node.link = kNone;
  }
}

void MergeTree::RemoveChildren(Id id) {
  std::vector<Id> doomed = {id};
  while (!doomed.empty()) {
    const auto children = std::move(nodes_[doomed.back()].children);
    doomed.pop_back();
    if (children == nullptr) {
      continue;
    }
    for (const auto& [name, child] : *children) {
      doomed.push_back(child);
      if (Node& node = nodes_[child]; node.link != kNone) {
        names_[node.link].node = kNone;
        node.link = kNone;
      }
    }
  }
}

std::string MergeTree::PathOf(Id id) const {
  std::string path(nodes_[id].path_bytes, '/');
  size_t end = path.size();
  for (; id != kRoot; id = nodes_[id].parent) {
    const std::string_view name = nodes_[id].name;
    end -= name.size();
    path.replace(end, name.size(), name);
    end -= nodes_[id].parent == kRoot ? 0 : 1;
  }
  return path;
}

bool MergeTree::LayerHas(const std::string& path) {
  if (!layer_paths_known_) {
    layer_paths_.clear();
    for (const Entry& entry : *layers_[layer_]) {
      if (entry.kind != EntryKind::kWhiteout &&
          entry.kind != EntryKind::kOpaque) {
        layer_paths_.push_back(entry.path);
      }
    }
    std::sort(layer_paths_.begin(), layer_paths_.end());
    layer_paths_known_ = true;
  }
  return std::binary_search(layer_paths_.begin(), layer_paths_.end(),
                            std::string_view(path));
}

}  // namespace bottled
