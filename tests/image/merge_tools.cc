#include "image/merge_tools.h"

#include <memory>
#include <set>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "image/symlink.h"
#include "image/tar_writer.h"

namespace bottled {
namespace {

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// A tar reader's view of the disk.
class Extractor {
 public:
  void Directory(const Entry& entry) { Make(entry, {}); }

  void Member(const Entry& entry, ContentId content) {
    if (entry.kind != EntryKind::kHardlink) {
      EXPECT_NE(entry.kind, EntryKind::kDirectory) << entry.path;
      EXPECT_NE(entry.kind, EntryKind::kWhiteout) << entry.path;
      EXPECT_NE(entry.kind, EntryKind::kOpaque) << entry.path;
      Make(entry, content);
      return;
    }
    Place(entry.path);
    const auto target = tree_.find(entry.link);
    if (target == tree_.end()) {
      ADD_FAILURE() << entry.path << " is a hard link to " << entry.link
                    << ", which is not there yet";
      return;
    }
    const Thing shared = target->second;
    EXPECT_NE(shared.kind, EntryKind::kDirectory);
    // A reader may apply the link's own header to the inode.
    EXPECT_EQ(entry.mode, shared.mode) << entry.path;
    EXPECT_EQ(entry.uid, shared.uid) << entry.path;
    EXPECT_EQ(entry.gid, shared.gid) << entry.path;
    EXPECT_EQ(entry.mtime, shared.mtime) << entry.path;
    tree_[entry.path] = shared;
    inodes_[entry.path] = inodes_[entry.link];
  }

  Tree Take() {
    std::map<std::string, const void*> identities;
    for (const auto& [path, inode] : inodes_) {
      identities[path] = inode.get();
    }
    SetGroups(identities, tree_);
    return std::move(tree_);
  }

 private:
  void Place(const std::string& path) {
    EXPECT_FALSE(tree_.contains(path)) << path << " comes twice";
    const std::string parent = ParentOf(path);
    if (!parent.empty()) {
      const auto it = tree_.find(parent);
      EXPECT_TRUE(it != tree_.end() && it->second.kind == EntryKind::kDirectory)
          << path << " has no directory to be in";
    }
  }

  void Make(const Entry& entry, ContentId content) {
    Place(entry.path);
    if (entry.kind == EntryKind::kSymlink) {
      EXPECT_EQ(SafeSymlinkTarget(entry.path, entry.link), std::nullopt)
          << entry.path << " -> " << entry.link;
    }
    Thing thing;
    thing.kind = entry.kind;
    thing.mode = entry.mode;
    thing.uid = entry.uid;
    thing.gid = entry.gid;
    thing.mtime = entry.mtime;
    thing.link = entry.kind == EntryKind::kSymlink ? entry.link : "";
    thing.content = entry.kind == EntryKind::kFile ? content : ContentId();
    tree_[entry.path] = thing;
    if (entry.kind != EntryKind::kDirectory) {
      inodes_[entry.path] = std::make_shared<int>(0);
    }
  }

  Tree tree_;
  std::map<std::string, std::shared_ptr<int>> inodes_;
};

}  // namespace

Entry MakeNode(EntryKind kind, const std::string& path) {
  Entry entry;
  entry.kind = kind;
  entry.path = path;
  entry.mode = 0644;
  return entry;
}

Entry MakeFile(const std::string& path, int64_t size) {
  Entry entry = MakeNode(EntryKind::kFile, path);
  entry.size = size;
  return entry;
}

Entry MakeDir(const std::string& path) {
  Entry entry = MakeNode(EntryKind::kDirectory, path);
  entry.mode = 0755;
  return entry;
}

Entry MakeSymlink(const std::string& path, const std::string& target) {
  Entry entry = MakeNode(EntryKind::kSymlink, path);
  entry.link = target;
  return entry;
}

Entry MakeHardlink(const std::string& path, const std::string& target) {
  Entry entry = MakeNode(EntryKind::kHardlink, path);
  entry.link = target;
  return entry;
}

Entry MakeWhiteout(const std::string& path) {
  return MakeNode(EntryKind::kWhiteout, path);
}

Entry MakeOpaque(const std::string& path) {
  return MakeNode(EntryKind::kOpaque, path);
}

std::string ToString(const Thing& thing) {
  return fmt::format(
      "kind {} mode {:o} owner {}:{} mtime {} link '{}' content "
      "{}/{} group {}",
      static_cast<int>(thing.kind), thing.mode, thing.uid, thing.gid,
      thing.mtime, thing.link, thing.content.first, thing.content.second,
      thing.group);
}

std::string ToString(const Tree& tree) {
  std::string text;
  for (const auto& [path, thing] : tree) {
    text += fmt::format("  {}: {}\n", path, ToString(thing));
  }
  return text;
}

std::string ToString(const LayerEntries& layer) {
  static constexpr const char* kKinds[] = {"file",     "dir",      "symlink",
                                           "hardlink", "char",     "block",
                                           "fifo",     "whiteout", "opaque"};
  std::string text;
  for (const Entry& entry : layer) {
    text += fmt::format("  {} {} {} {:o} {}:{}\n",
                        kKinds[static_cast<int>(entry.kind)], entry.path,
                        entry.link, entry.mode, entry.uid, entry.gid);
  }
  return text;
}

void SetGroups(const std::map<std::string, const void*>& inodes, Tree& tree) {
  std::map<const void*, std::string> first;
  for (const auto& [path, inode] : inodes) {
    tree[path].group = first.emplace(inode, path).first->second;
  }
}

Tree Replay(const MergedTree& merged,
            const std::vector<const LayerEntries*>& layers) {
  Extractor extractor;
  int64_t count = 0;
  std::string last;
  for (const auto& [directory, layer] : merged.directories) {
    EXPECT_EQ(directory.kind, EntryKind::kDirectory);
    EXPECT_LT(last, directory.path);
    EXPECT_LT(layer, layers.size());
    last = directory.path;
    ++count;
  }
  EXPECT_EQ(merged.layers.size(), layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    for (const auto& [directory, layer] : merged.directories) {
      if (layer == i) {
        extractor.Directory(directory);
      }
    }
    const LayerPlan& plan = merged.layers[i];
    EXPECT_EQ(plan.fates.size(), layers[i]->size());
    for (size_t j = 0; j < plan.fates.size(); ++j) {
      const Entry& own = (*layers[i])[j];
      const auto rewritten = plan.rewritten.find(j);
      EXPECT_EQ(plan.fates[j] == Fate::kRewritten,
                rewritten != plan.rewritten.end());
      if (plan.fates[j] == Fate::kKept) {
        extractor.Member(own, {i, j});
        ++count;
      } else if (plan.fates[j] == Fate::kRewritten) {
        const std::vector<Entry>& headers = rewritten->second;
        EXPECT_FALSE(headers.empty());
        if (headers.size() == 1) {
          EXPECT_NE(TarHeader(headers[0]), TarHeader(own)) << own.path;
        }
        for (const Entry& header : headers) {
          EXPECT_EQ(header.kind, own.kind) << own.path;
          EXPECT_EQ(header.size, own.size) << own.path;
          extractor.Member(header, {i, j});
          ++count;
        }
      }
    }
  }
  EXPECT_EQ(merged.entry_count, count);
  return extractor.Take();
}

absl::StatusOr<MergedTree> Merge(const std::vector<LayerEntries>& layers) {
  std::vector<const LayerEntries*> pointers;
  for (const LayerEntries& layer : layers) {
    pointers.push_back(&layer);
  }
  return MergeLayers(pointers);
}

Tree MergeAndReplay(const std::vector<LayerEntries>& layers) {
  std::vector<const LayerEntries*> pointers;
  for (const LayerEntries& layer : layers) {
    pointers.push_back(&layer);
  }
  const absl::StatusOr<MergedTree> merged = MergeLayers(pointers);
  if (!merged.ok()) {
    ADD_FAILURE() << merged.status().ToString();
    return {};
  }
  return Replay(*merged, pointers);
}

}  // namespace bottled
