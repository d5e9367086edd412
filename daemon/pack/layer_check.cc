#include "pack/layer_check.h"

#include "base/strings.h"
#include "pack/errors.h"

namespace bottled {
namespace {

std::string Shown(const std::string& path) {
  return "\"" + Printable(path, 300) + "\"";
}

}  // namespace

absl::Status LayerCheck::OnEntry(const Entry& entry) {
  if (entry.kind == EntryKind::kWhiteout || entry.kind == EntryKind::kOpaque) {
    return SidecarInvalidError("it holds a whiteout at " + Shown(entry.path));
  }
  if (const size_t slash = entry.path.rfind('/'); slash != std::string::npos) {
    const auto parent = kinds_.find(entry.path.substr(0, slash));
    if (parent == kinds_.end() || parent->second != EntryKind::kDirectory) {
      return SidecarInvalidError("no directory comes before " +
                                 Shown(entry.path));
    }
  }
  if (entry.kind == EntryKind::kHardlink) {
    const auto first = kinds_.find(entry.link);
    if (first == kinds_.end() || first->second == EntryKind::kDirectory) {
      return SidecarInvalidError("the hard link " + Shown(entry.path) +
                                 " comes before what it links to");
    }
  }
  if (entry.kind == EntryKind::kSymlink &&
      (entry.link.empty() || entry.link_rewritten)) {
    return SidecarInvalidError("smolvm refuses the symbolic link " +
                               Shown(entry.path));
  }
  if (!kinds_.emplace(entry.path, entry.kind).second) {
    return SidecarInvalidError("it holds " + Shown(entry.path) + " twice");
  }
  return absl::OkStatus();
}

absl::Status LayerCheck::OnData(std::string_view /*data*/) {
  return absl::OkStatus();
}

}  // namespace bottled
