#include "pack/layer_check.h"

#include <openssl/sha.h>

#include <cstring>
#include <string>

#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "image/limits.h"
#include "image/symlink.h"
#include "pack/errors.h"

namespace bottled {
namespace {

constexpr size_t kMaxComponentBytes = 255;
constexpr size_t kMaxPathBytes = 4095;

absl::Status Broken(std::string_view path, std::string_view problem) {
  return SidecarInvalidError(
      fmt::format("\"{}\" in its layer {}", Printable(path, 300), problem));
}

}  // namespace

absl::StatusOr<std::string_view> CheckedName(std::string_view raw) {
  std::string_view path = raw;
  if (path == "." || path == "./") {
    return std::string_view();
  }
  if (path.starts_with("./")) {
    path.remove_prefix(2);
  }
  if (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  if (path.size() > kMaxPathBytes) {
    return Broken(raw, "has too long a path");
  }
  for (std::string_view rest = path;;) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") {
      return Broken(raw, "has an unusable name");
    }
    if (part.size() > kMaxComponentBytes) {
      return Broken(raw, "has too long a name");
    }
    if (slash == rest.npos) {
      return path;
    }
    rest.remove_prefix(slash + 1);
  }
}

LayerCheck::Key LayerCheck::KeyOf(std::string_view path) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  ::SHA256(reinterpret_cast<const unsigned char*>(path.data()), path.size(),
           digest);
  Key key;
  std::memcpy(&key.first, digest, sizeof(key.first));
  std::memcpy(&key.second, digest + sizeof(key.first), sizeof(key.second));
  return key;
}

absl::Status LayerCheck::OnMember(const TarMember& member) {
  ASSIGN_OR_RETURN(const std::string_view path, CheckedName(member.name));
  const bool is_directory = member.type == '5';
  if (path.empty()) {
    return is_directory ? absl::OkStatus()
                        : Broken(member.name, "has an unusable name");
  }
  if (!is_directory && member.name.ends_with('/')) {
    return Broken(member.name, "is no directory and ends in a slash");
  }
  const size_t slash = path.rfind('/');
  if (slash != path.npos) {
    const auto parent = names_.find(KeyOf(path.substr(0, slash)));
    if (parent == names_.end() || !parent->second) {
      return Broken(path, "comes before its directory");
    }
  }
  if (path.substr(slash == path.npos ? 0 : slash + 1).starts_with(".wh.")) {
    return Broken(path, "is a whiteout");
  }
  if (member.type == '1') {
    ASSIGN_OR_RETURN(const std::string_view target, CheckedName(member.link));
    const auto first = names_.find(KeyOf(target));
    if (first == names_.end() || first->second) {
      return Broken(path, "comes before the file that it links to");
    }
  }
  if (member.type == '2' &&
      (member.link.empty() ||
       SafeSymlinkTarget(path, member.link).has_value())) {
    return Broken(path, "is a symbolic link that smolvm refuses");
  }
  if (!names_.emplace(KeyOf(path), is_directory).second) {
    return Broken(path, "occurs twice");
  }
  if (entry_count() > ImageLimits().max_entries) {
    return SidecarInvalidError("its layer has more entries than smolvm takes");
  }
  return absl::OkStatus();
}

}  // namespace bottled
