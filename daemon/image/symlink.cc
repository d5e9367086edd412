#include "image/symlink.h"

#include <algorithm>
#include <vector>

namespace bottled {
namespace {

// The components of `target` that are left when every ".." at the root is taken
// out, and where the target leads, counted in directories below the root.
struct Walk {
  std::vector<std::string_view> components;
  size_t depth = 0;
  bool clamped = false;
};

Walk Follow(std::string_view target, size_t depth) {
  Walk walk;
  walk.depth = depth;
  for (size_t begin = 0; begin < target.size();) {
    const size_t end = std::min(target.find('/', begin), target.size());
    const std::string_view component = target.substr(begin, end - begin);
    begin = end + 1;
    if (component.empty() || component == ".") {
      continue;
    }
    if (component == "..") {
      if (walk.depth == 0) {
        walk.clamped = true;
        continue;
      }
      --walk.depth;
    } else {
      ++walk.depth;
    }
    walk.components.push_back(component);
  }
  return walk;
}

std::string Join(const std::vector<std::string_view>& components) {
  std::string joined;
  for (const std::string_view component : components) {
    if (!joined.empty()) {
      joined += '/';
    }
    joined += component;
  }
  return joined;
}

}  // namespace

std::optional<std::string> SafeSymlinkTarget(std::string_view path,
                                             std::string_view target) {
  const auto link_depth =
      static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
  const bool absolute = target.starts_with('/');
  Walk walk = Follow(target, absolute ? 0 : link_depth);
  const bool root_alias = absolute && walk.depth == 0;
  if (!walk.clamped && !root_alias) {
    return std::nullopt;
  }
  std::string result;
  if (root_alias) {
    // Only an absolute name of the root is refused. The relative form leads
    // through the same components, so it is right even where one of them is a
    // link itself.
    walk.components.insert(walk.components.begin(), link_depth, "..");
  } else if (absolute) {
    result = "/";
  }
  result += Join(walk.components);
  if (result.empty()) {
    return ".";
  }
  // "x/" insists on a directory; ".." always is one.
  if (target.ends_with('/') && !walk.components.empty() &&
      walk.components.back() != "..") {
    result += '/';
  }
  return result;
}

}  // namespace bottled
