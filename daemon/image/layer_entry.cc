#include "image/layer_entry.h"

#include <archive_entry.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "image/errors.h"
#include "image/symlink.h"

namespace bottled {
namespace {

constexpr size_t kMaxComponent = 255;
constexpr size_t kMaxPath = 4095;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kAufs = ".wh..wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

std::string Shown(std::string_view path) {
  return "\"" + Printable(path, 300) + "\"";
}

std::string_view BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

std::string_view DirName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

std::string_view Text(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

// ".wh..wh.plnk" and its like, where aufs kept its own files.
bool IsInAufsDirectory(std::string_view path) {
  const std::string_view dir = DirName(path);
  return dir.starts_with(kAufs) ||
         dir.find("/" + std::string(kAufs)) != dir.npos;
}

// OCI's whiteouts are files whose names begin with ".wh.".
absl::StatusOr<std::optional<Entry>> MakeWhiteout(const std::string& path) {
  const std::string_view name = BaseName(path);
  Entry entry;
  if (name == kOpaque) {
    entry.kind = EntryKind::kOpaque;
    entry.path = std::string(DirName(path));
    return std::optional<Entry>(std::move(entry));
  }
  if (name.starts_with(kAufs) || IsInAufsDirectory(path)) {
    return std::optional<Entry>();
  }
  const std::string_view hidden = name.substr(kWhiteout.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    return LayerInvalid("the whiteout " + Shown(path) + " hides nothing");
  }
  const std::string_view dir = DirName(path);
  entry.kind = EntryKind::kWhiteout;
  entry.path =
      dir.empty() ? std::string(hidden) : fmt::format("{}/{}", dir, hidden);
  return std::optional<Entry>(std::move(entry));
}

absl::Status FillOwner(archive_entry* member, Entry& entry) {
  const int64_t uid = archive_entry_uid(member);
  const int64_t gid = archive_entry_gid(member);
  constexpr int64_t kMaxId = std::numeric_limits<uint32_t>::max();
  if (uid < 0 || uid > kMaxId || gid < 0 || gid > kMaxId) {
    return LayerInvalid("the owner of " + Shown(entry.path) +
                        " is out of range");
  }
  entry.uid = static_cast<uint64_t>(uid);
  entry.gid = static_cast<uint64_t>(gid);
  return absl::OkStatus();
}

absl::Status FillKind(archive_entry* member, Entry& entry) {
  switch (archive_entry_filetype(member)) {
    case AE_IFREG:
      entry.kind = EntryKind::kFile;
      entry.size = archive_entry_size(member);
      if (entry.size < 0) {
        return LayerInvalid("the size of " + Shown(entry.path) +
                            " is negative");
      }
      return absl::OkStatus();
    case AE_IFDIR:
      entry.kind = EntryKind::kDirectory;
      return absl::OkStatus();
    case AE_IFLNK:
      entry.kind = EntryKind::kSymlink;
      return absl::OkStatus();
    case AE_IFCHR:
      entry.kind = EntryKind::kCharDevice;
      break;
    case AE_IFBLK:
      entry.kind = EntryKind::kBlockDevice;
      break;
    case AE_IFIFO:
      entry.kind = EntryKind::kFifo;
      return absl::OkStatus();
    default:
      return LayerInvalid(Shown(entry.path) +
                          " is of a kind that no image holds");
  }
  entry.device_major = static_cast<uint32_t>(archive_entry_rdevmajor(member));
  entry.device_minor = static_cast<uint32_t>(archive_entry_rdevminor(member));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> NormalizePath(std::string_view raw) {
  std::string path;
  std::string_view rest = raw;
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const std::string_view component = rest.substr(0, slash);
    rest = slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
    if (component.empty() || component == ".") {
      continue;
    }
    if (component == "..") {
      return LayerInvalid("the name " + Shown(raw) + " contains \"..\"");
    }
    if (component.size() > kMaxComponent) {
      return LayerInvalid("a part of the name " + Shown(raw) +
                          " is longer than 255 bytes");
    }
    if (!path.empty()) {
      path += '/';
    }
    path += component;
  }
  if (path.size() > kMaxPath) {
    return LayerInvalid("the name " + Shown(raw) +
                        " is longer than 4095 bytes");
  }
  return path;
}

absl::StatusOr<std::optional<Entry>> MakeEntry(archive_entry* member) {
  const char* const raw = archive_entry_pathname(member);
  if (raw == nullptr) {
    return LayerInvalid("an entry has no name");
  }
  ASSIGN_OR_RETURN(std::string path, NormalizePath(raw));
  if (path.empty()) {
    return std::optional<Entry>();
  }
  if (BaseName(path).starts_with(kWhiteout)) {
    return MakeWhiteout(path);
  }
  if (IsInAufsDirectory(path)) {
    return std::optional<Entry>();
  }
  Entry entry;
  entry.path = std::move(path);
  entry.mode = static_cast<uint32_t>(archive_entry_perm(member)) & 07777U;
  RETURN_IF_ERROR(FillOwner(member, entry));
  entry.mtime = archive_entry_mtime(member);
  if (entry.mtime < 0) {
    entry.mtime = 0;
    entry.mtime_clamped = true;
  }
  entry.has_xattrs = archive_entry_xattr_count(member) > 0;
  if (const char* target = archive_entry_hardlink(member)) {
    entry.kind = EntryKind::kHardlink;
    ASSIGN_OR_RETURN(entry.link, NormalizePath(target));
    if (entry.link.empty()) {
      return LayerInvalid("the hard link " + Shown(entry.path) +
                          " has no target");
    }
    return std::optional<Entry>(std::move(entry));
  }
  RETURN_IF_ERROR(FillKind(member, entry));
  if (entry.kind == EntryKind::kSymlink) {
    entry.link = std::string(Text(archive_entry_symlink(member)));
    if (entry.link.empty()) {
      // The merge drops it and counts it.
      return std::optional<Entry>(std::move(entry));
    }
    if (entry.link.size() > kMaxPath) {
      return LayerInvalid("the target of " + Shown(entry.path) +
                          " is longer than 4095 bytes");
    }
    if (std::optional<std::string> safe =
            SafeSymlinkTarget(entry.path, entry.link)) {
      entry.link = *std::move(safe);
      entry.link_rewritten = true;
    }
  }
  return std::optional<Entry>(std::move(entry));
}

}  // namespace bottled
