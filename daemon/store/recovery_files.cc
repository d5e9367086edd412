#include "store/recovery_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "platform/fault_calls.h"
#include "platform/fault_points.h"
#include "platform/file.h"
#include "store/errors.h"
#include "store/object_file.h"
#include "store/object_record.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFewOrphans = 5;

void LogStatus(const absl::Status& status) {
  if (!status.ok()) {
    Log("store")->error("{}", Printable(std::string(status.message())));
  }
}

// OK also when the files could not be moved: the row is gone then all the same.
absl::Status Quarantine(Objects& objects, const ArtifactRecord& record,
                        const absl::Status& why, RecoveryReport& report) {
  ++report.quarantined;
  const absl::Status status =
      objects.Quarantine(record, std::string(why.message()));
  if (HasReason(status, kIndexDegraded)) {
    return status;
  }
  LogStatus(status);
  return absl::OkStatus();
}

// A new index is built from these.
void RestoreRecord(const Places& places, const ArtifactRecord& record) {
  const std::string& hex = record.digest.hex();
  const fs::path path = places.object_record(hex);
  if (PathExists(path)) {
    return;
  }
  // What is left in stage/ is removed.
  const fs::path staged = places.stage() / path.filename();
  absl::Status status =
      WriteFileAtomic(staged, EncodeObjectRecord(record), 0400);
  if (status.ok()) {
    status = RenameNoReplace(staged, path);
  }
  if (status.ok()) {
    status = SyncDir(places.object_dir(hex));
  }
  CRASH_POINT("recovery.record_restored");
  LogStatus(status);
}

absl::Status CheckRow(const Places& places, Index& index, Objects& objects,
                      const Clock& clock, ArtifactRecord record,
                      RecoveryReport& report) {
  const fs::path path = objects.Path(record);
  const absl::StatusOr<Fd> fd = OpenObjectFile(places, record.digest);
  if (fd.status().code() == absl::StatusCode::kNotFound) {
    CRASH_POINT("recovery.row_alone");
    ++report.missing;
    Log("store")->warn("{} is gone", path.native());
    return TolerateFullDisk(
        index.DeleteArtifact(record.digest, "MISSING", clock.NowMs()));
  }
  absl::Status status = fd.status();
  bool changed = false;
  struct stat info = {};
  if (status.ok()) {
    status = CheckShape(fd->get(), path, record.size_bytes, info);
  }
  if (status.ok()) {
    ArtifactRecord now = record;
    NoteIdentity(info, now);
    changed = now.device != record.device || now.inode != record.inode ||
              now.mtime_ns != record.mtime_ns;
    // Device numbers are given out anew at every boot.
    const bool same_file =
        now.inode == record.inode && now.mtime_ns == record.mtime_ns;
    if (changed && same_file) {
      record = std::move(now);
    } else if (changed) {
      status = CheckContent(fd->get(), path, record);
      if (status.ok()) {
        // A file that a backup program wrote may be in memory only.
        status = SyncObject(places, record.digest);
      }
    }
  }
  if (HasReason(status, kArtifactDamaged)) {
    return Quarantine(objects, record, status, report);
  }
  if (!status.ok()) {
    // Not read, so nothing is known; a hit will look again.
    LogStatus(status);
    return absl::OkStatus();
  }
  RestoreRecord(places, record);
  return changed ? TolerateFullDisk(index.UpdateFile(record))
                 : absl::OkStatus();
}

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

absl::Status ScanDir(const fs::path& dir, const std::set<std::string>& known,
                     ObjectScan& scan) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(dir));
  const std::set<std::string> present(names.begin(), names.end());
  const std::string pair = dir.filename().native();
  for (const std::string& name : names) {
    const fs::path path = dir / name;
    struct stat info = {};
    if (::lstat(path.c_str(), &info) != 0) {
      const int error = errno;
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
    if (hex.has_value() && at_home && known.contains(*hex)) {
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
  std::set<std::string> known;
  ASSIGN_OR_RETURN(const std::vector<ArtifactRecord> rows,
                   index.ListArtifacts(0));
  for (const ArtifactRecord& row : rows) {
    known.insert(row.digest.hex());
  }
  ObjectScan scan;
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListDir(places.objects()));
  for (const std::string& name : names) {
    const fs::path dir = places.objects() / name;
    struct stat info = {};
    if (::lstat(dir.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
        !IsHexPair(name)) {
      ++scan.foreign;
      Log("store")->warn("{} is not ours; it is left alone",
                         Printable(dir.native()));
      continue;
    }
    RETURN_IF_ERROR(ScanDir(dir, known, scan));
  }
  return scan;
}

absl::StatusOr<ArtifactRecord> ReadOrphan(const Places& places,
                                          const Orphan& orphan,
                                          const OnRead& on_read) {
  if (orphan.digest.empty()) {
    return ArtifactDamagedError(orphan.path, "its name is no artifact's");
  }
  ASSIGN_OR_RETURN(const Fd fd, OpenObjectFile(places, orphan.digest));
  const absl::StatusOr<std::string> text = ReadSmallFile(
      places.object_record(orphan.digest.hex()), kMaxObjectRecordBytes);
  if (!text.ok()) {
    return text.status().code() == absl::StatusCode::kNotFound
               ? ArtifactDamagedError(orphan.path, "it has no record")
               : text.status();
  }
  absl::StatusOr<ArtifactRecord> record = DecodeObjectRecord(*text);
  if (!record.ok() || record->digest != orphan.digest) {
    return ArtifactDamagedError(orphan.path, "its record is not its own");
  }
  RETURN_IF_ERROR(CheckContent(fd.get(), orphan.path, *record, on_read));
  return record;
}

// It was copied in, or renamed by a process that was killed at once: perhaps no
// disk has it yet, and a row says that one has.
absl::Status SyncOrphan(const Places& places, const Digest& digest) {
  RETURN_IF_ERROR(SyncObject(places, digest));
  return SyncDir(places.objects());
}

absl::Status Adopt(Index& index, const Clock& clock, ArtifactRecord record) {
  // Nobody knows when it was last used: idle is what is not used from now on.
  record.last_used_ms = clock.NowMs();
  return index.AdoptArtifact(record, clock.NowMs());
}

namespace {

absl::Status QuarantineOrphan(const Places& places, Objects& objects,
                              const Orphan& orphan, const absl::Status& why,
                              RecoveryReport& report) {
  if (!orphan.digest.empty()) {
    ArtifactRecord record;
    record.digest = orphan.digest;
    return Quarantine(objects, record, why, report);
  }
  ++report.quarantined;
  Log("store")->error("quarantine: {}", Printable(std::string(why.message())));
  LogStatus(MoveAside(orphan.path, places.quarantine()).status());
  return absl::OkStatus();
}

absl::Status SettleOrphan(const Places& places, Index& index, Objects& objects,
                          const Clock& clock, const Orphan& orphan,
                          RecoveryReport& report) {
  const absl::StatusOr<ArtifactRecord> record = ReadOrphan(places, orphan);
  absl::Status status = record.status();
  if (status.ok()) {
    CRASH_POINT("recovery.orphan_good");
    status = SyncOrphan(places, record->digest);
  }
  if (status.ok()) {
    CRASH_POINT("recovery.orphan_synced");
    ++report.adopted;
    return TolerateFullDisk(Adopt(index, clock, *record));
  }
  if (HasReason(status, kArtifactDamaged)) {
    CRASH_POINT("recovery.orphan_bad");
    return QuarantineOrphan(places, objects, orphan, status, report);
  }
  LogStatus(status);
  ++report.left_alone;
  return absl::OkStatus();
}

}  // namespace

absl::Status TolerateFullDisk(const absl::Status& status) {
  if (HasReason(status, "NO_SPACE")) {
    LogStatus(status);
    return absl::OkStatus();
  }
  return status;
}

absl::Status CheckRows(const Places& places, Index& index, Objects& objects,
                       const Clock& clock, RecoveryReport& report) {
  ASSIGN_OR_RETURN(const std::vector<ArtifactRecord> records,
                   index.ListArtifacts(0));
  for (const ArtifactRecord& record : records) {
    RETURN_IF_ERROR(CheckRow(places, index, objects, clock, record, report));
  }
  return absl::OkStatus();
}

absl::Status AdoptOrphans(const Places& places, Index& index, Objects& objects,
                          const Clock& clock, bool rebuild,
                          RecoveryReport& report) {
  ASSIGN_OR_RETURN(const ObjectScan scan, ScanObjects(places, index));
  report.left_alone += scan.foreign;
  for (const fs::path& record : scan.records_alone) {
    CRASH_POINT("recovery.record_alone");
    if (sys::Unlink(record.c_str()) != 0) {
      const int error = errno;
      LogStatus(ErrnoError(error, "unlink " + record.native()));
    }
  }
  const bool many = scan.orphans.size() > kFewOrphans &&
                    scan.orphan_bytes > scan.total_bytes / 10;
  if (many && !rebuild) {
    report.left_alone += static_cast<int>(scan.orphans.size());
    Log("store")->error(
        "{} files in {} ({}) are not in the index; they are left alone. To "
        "take them in, run bottlectl cache verify --repair.",
        scan.orphans.size(), places.objects().native(),
        FormatBytes(scan.orphan_bytes));
    return absl::OkStatus();
  }
  for (const Orphan& orphan : scan.orphans) {
    RETURN_IF_ERROR(
        SettleOrphan(places, index, objects, clock, orphan, report));
  }
  return absl::OkStatus();
}

}  // namespace bottled
