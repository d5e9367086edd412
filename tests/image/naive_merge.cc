#include "image/naive_merge.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace bottled {
namespace {

struct Object {
  Entry entry;
  ContentId content;
  size_t layer = 0;
};

std::string Below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

std::vector<std::string> Split(const std::string& path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

class Model {
 public:
  Model() {
    auto root = std::make_shared<Object>();
    root->entry.kind = EntryKind::kDirectory;
    disk_[""] = root;
  }

  bool Apply(size_t number, const LayerEntries& layer) {
    own_.clear();
    for (const Entry& entry : layer) {
      if (!IsMarker(entry)) {
        own_.insert(entry.path);
      }
    }
    for (const Entry& entry : layer) {
      if (IsMarker(entry) && !Hide(entry)) {
        return false;
      }
    }
    for (size_t i = 0; i < layer.size(); ++i) {
      if (!IsMarker(layer[i]) && !Add(number, i, layer[i])) {
        return false;
      }
    }
    return true;
  }

  Tree Finish() const {
    Tree tree;
    std::map<std::string, const void*> inodes;
    for (const auto& [path, object] : disk_) {
      if (path.empty()) {
        continue;
      }
      const Entry& entry = object->entry;
      Thing& thing = tree[path];
      thing.kind = entry.kind;
      thing.mode = entry.mode;
      thing.uid = entry.uid;
      thing.gid = entry.gid;
      thing.mtime = entry.mtime;
      if (entry.kind == EntryKind::kSymlink) {
        thing.link = entry.link;
      }
      if (entry.kind == EntryKind::kFile) {
        thing.content = object->content;
      }
      if (entry.kind != EntryKind::kDirectory) {
        inodes[path] = object.get();
      }
    }
    SetGroups(inodes, tree);
    return tree;
  }

 private:
  enum class Mode { kMake, kLook, kLookUnlessOwn };
  // What resolving came to: a directory's path, nothing, or too many links.
  struct Resolved {
    std::optional<std::string> path;
    bool loop = false;
  };

  static bool IsMarker(const Entry& entry) {
    return entry.kind == EntryKind::kWhiteout ||
           entry.kind == EntryKind::kOpaque;
  }

  void Erase(const std::string& path, bool itself) {
    std::erase_if(disk_, [&](const auto& item) {
      if (item.first == path) {
        return itself;
      }
      return path.empty() || item.first.starts_with(path + "/");
    });
  }

  Resolved Resolve(const std::vector<std::string>& parts, Mode mode) {
    std::deque<std::string> ahead(parts.begin(), parts.end());
    std::string at;
    int links = 0;
    while (!ahead.empty()) {
      const std::string part = ahead.front();
      ahead.pop_front();
      if (part.empty() || part == ".") {
        continue;
      }
      if (part == "..") {
        const size_t slash = at.rfind('/');
        at = slash == std::string::npos ? "" : at.substr(0, slash);
        continue;
      }
      const std::string next = Below(at, part);
      const auto found = disk_.find(next);
      const EntryKind kind = found == disk_.end() ? EntryKind::kWhiteout
                                                  : found->second->entry.kind;
      if (kind == EntryKind::kSymlink) {
        if (mode == Mode::kLookUnlessOwn && own_.contains(next)) {
          return {};
        }
        if (++links > 40) {
          return {std::nullopt, true};
        }
        const std::string target = found->second->entry.link;
        const std::vector<std::string> more = Split(target);
        ahead.insert(ahead.begin(), more.begin(), more.end());
        if (target[0] == '/') {
          at = "";
        }
        continue;
      }
      if (kind != EntryKind::kDirectory) {
        if (mode != Mode::kMake) {
          return {};
        }
        Erase(next, true);
        auto made = std::make_shared<Object>();
        made->entry = MakeDir(next);
        disk_[next] = made;
      }
      at = next;
    }
    return {at};
  }

  bool Hide(const Entry& marker) {
    std::vector<std::string> parts = Split(marker.path);
    const std::string last = parts.back();
    if (marker.kind == EntryKind::kWhiteout) {
      parts.pop_back();
    }
    const Resolved where = Resolve(parts, Mode::kLookUnlessOwn);
    if (!where.path.has_value()) {
      return !where.loop;
    }
    if (marker.kind == EntryKind::kOpaque) {
      Erase(*where.path, false);
    } else {
      Erase(Below(*where.path, last), true);
    }
    return true;
  }

  bool Add(size_t number, size_t index, const Entry& entry) {
    std::vector<std::string> parts = Split(entry.path);
    const std::string last = parts.back();
    parts.pop_back();
    const Resolved where = Resolve(parts, Mode::kMake);
    if (!where.path.has_value()) {
      return false;
    }
    const std::string path = Below(*where.path, last);
    if (entry.kind == EntryKind::kHardlink) {
      return Link(number, path, entry);
    }
    auto object = std::make_shared<Object>();
    object->entry = entry;
    object->content = {number, index};
    object->layer = number;
    const auto old = disk_.find(path);
    const bool both_directories =
        old != disk_.end() && entry.kind == EntryKind::kDirectory &&
        old->second->entry.kind == EntryKind::kDirectory;
    if (!both_directories) {
      Erase(path, true);
    }
    disk_[path] = object;
    return true;
  }

  bool Link(size_t number, const std::string& path, const Entry& entry) {
    std::vector<std::string> parts = Split(entry.link);
    const std::string last = parts.back();
    parts.pop_back();
    const Resolved where = Resolve(parts, Mode::kLook);
    if (!where.path.has_value()) {
      return false;
    }
    const std::string target = Below(*where.path, last);
    if (!disk_.contains(target) ||
        disk_[target]->entry.kind == EntryKind::kDirectory) {
      return false;
    }
    if (path == target) {
      return true;
    }
    Erase(path, true);
    if (!disk_.contains(target)) {
      return false;
    }
    std::shared_ptr<Object>& object = disk_[target];
    if (object->layer != number) {
      object = std::make_shared<Object>(*object);
      object->layer = number;
    }
    object->entry.mode = entry.mode;
    object->entry.uid = entry.uid;
    object->entry.gid = entry.gid;
    object->entry.mtime = entry.mtime;
    disk_[path] = object;
    return true;
  }

  std::map<std::string, std::shared_ptr<Object>> disk_;
  // Paths of the current layer's own entries.
  std::set<std::string> own_;
};

}  // namespace

std::optional<Tree> NaiveMerge(const std::vector<const LayerEntries*>& layers) {
  Model model;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!model.Apply(i, *layers[i])) {
      return std::nullopt;
    }
  }
  return model.Finish();
}

}  // namespace bottled
