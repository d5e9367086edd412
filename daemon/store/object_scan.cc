#include "store/object_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/file.h"
#include "store/object_record.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

bool IsHexPair(std::string_view name) {
  return name.size() == 2 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The digest of "<64 hex>.json", if it lies in the right directory.
std::optional<std::string> ParseRecordName(const std::string& name) {
  constexpr std::string_view kSuffix = ".json";
  if (name.size() <= kSuffix.size() ||
      name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) !=
          0) {
    return std::nullopt;
  }
  return ParseObjectName(name.substr(0, name.size() - kSuffix.size()) +
                         ".smolmachine");
}

absl::Status ScanDir(const fs::path& dir, const std::set<Digest>& known,
                     ObjectScan& scan) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(dir));
  const std::set<std::string> present(names.begin(), names.end());
  const std::string pair = dir.filename().native();
  for (const std::string& name : names) {
    const fs::path path = dir / name;
    struct stat info = {};
    if (::lstat(path.c_str(), &info) != 0) {
      const int error = errno;
      if (error == ENOENT) {
        continue;  // removed meanwhile
      }
      return ErrnoError(error, "stat " + path.native());
    }
    const int64_t bytes = S_ISREG(info.st_mode) ? info.st_size : 0;
    const bool at_home = name.compare(0, 2, pair) == 0;
    if (const auto hex = ParseRecordName(name); hex.has_value() && at_home) {
      if (!present.contains(*hex + ".smolmachine")) {
        scan.records_alone.push_back(path);
      }
      continue;
    }
    scan.total_bytes += bytes;
    const auto hex = ParseObjectName(name);
    if (hex.has_value() && at_home && known.contains(Digest::FromHex(*hex))) {
      if (!present.contains(*hex + ".json")) {
        scan.unrecorded.push_back(Digest::FromHex(*hex));
      }
      continue;
    }
    scan.orphan_bytes += bytes;
    scan.orphans.push_back({.path = path,
                            .digest = hex.has_value() && at_home
                                          ? Digest::FromHex(*hex)
                                          : Digest(),
                            .bytes = bytes});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ObjectScan> ScanObjects(const Places& places, Index& index) {
  ObjectScan scan;
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListDir(places.objects()));
  for (const std::string& name : names) {
    const fs::path dir = places.objects() / name;
    struct stat info = {};
    if (::lstat(dir.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
        !IsHexPair(name)) {
      scan.foreign.push_back(dir);
      continue;
    }
    // Only its part of the rows: all at once would hold up every hit.
    ASSIGN_OR_RETURN(const std::vector<Digest> rows,
                     index.FindByPrefix(name, 0));
    RETURN_IF_ERROR(ScanDir(dir, {rows.begin(), rows.end()}, scan));
  }
  return scan;
}

}  // namespace bottled
