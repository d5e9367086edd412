#include "store/objects.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "platform/fault_points.h"
#include "platform/file.h"
#include "store/errors.h"
#include "store/object_file.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

bool IsJobId(std::string_view id) {
  return !id.empty() && id.size() <= 128 &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
         });
}

bool IsAbsent(const absl::Status& status) {
  return status.code() == absl::StatusCode::kNotFound;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Objects>> Objects::Open(const Places& places,
                                                       Index& index,
                                                       const Clock& clock) {
  for (const fs::path& dir :
       {places.cache_dir, places.objects(), places.stage(), places.quarantine(),
        places.trash()}) {
    RETURN_IF_ERROR(EnsurePrivateDir(dir, 0700));
  }
  // What lies in them lasts no longer than their own names.
  RETURN_IF_ERROR(SyncDir(places.cache_dir));
  RETURN_IF_ERROR(SyncDir(places.cache_dir.parent_path()));
  return std::unique_ptr<Objects>(new Objects(places, index, clock));
}

absl::StatusOr<fs::path> Objects::MakeStage(const std::string& job_id) {
  if (!IsJobId(job_id)) {
    return BadJobIdError(job_id);
  }
  fs::path dir = places_.job_stage(job_id);
  RETURN_IF_ERROR(RemoveTree(dir));
  CRASH_POINT("stage.emptied");
  RETURN_IF_ERROR(EnsurePrivateDir(dir, 0700));
  CRASH_POINT("stage.made");
  return dir;
}

void Objects::RemoveStage(const std::string& job_id) {
  const absl::Status status = IsJobId(job_id)
                                  ? RemoveTree(places_.job_stage(job_id))
                                  : BadJobIdError(job_id);
  if (!status.ok()) {
    Log("store")->warn("cannot remove a stage directory: {}",
                       std::string(status.message()));
  }
}

absl::StatusOr<std::optional<ArtifactRecord>> Objects::Lookup(
    const Digest& key) {
  ASSIGN_OR_RETURN(std::optional<ArtifactRecord> record, index_.FindByKey(key));
  if (!record.has_value()) {
    return record;
  }
  if (OpenObject(*record).ok()) {
    return record;
  }
  ASSIGN_OR_RETURN(record, CheckFile(record->digest));
  // Its key may lead to another one by now.
  return record.has_value() ? index_.FindByKey(key) : record;
}

absl::StatusOr<Fd> Objects::OpenPresent(const ArtifactRecord& record) const {
  absl::StatusOr<Fd> fd = OpenObjectFile(places_, record.digest);
  if (IsAbsent(fd.status())) {
    return ArtifactMissingError(Path(record));
  }
  return fd;
}

absl::StatusOr<Fd> Objects::OpenObject(const ArtifactRecord& record) const {
  ASSIGN_OR_RETURN(Fd fd, OpenPresent(record));
  RETURN_IF_ERROR(CheckUnchanged(fd.get(), Path(record), record));
  return fd;
}

absl::Status Objects::Remove(const ArtifactRecord& record) {
  const DigestLocks::Hold hold(locks_, record.digest);
  RETURN_IF_ERROR(
      index_.DeleteArtifact(record.digest, "REMOVED", clock_.NowMs()));
  CRASH_POINT("remove.row_gone");
  return RemoveFiles(record);
}

absl::StatusOr<std::vector<std::string>> Objects::RemoveUnlessHeld(
    const ArtifactRecord& record, std::string_view why, bool unchanged_only,
    std::string_view rule) {
  const DigestLocks::Hold hold(locks_, record.digest);
  ASSIGN_OR_RETURN(std::vector<std::string> holders,
                   index_.DeleteArtifactUnlessHeld(
                       record.digest, why, clock_.NowMs(),
                       unchanged_only ? &record : nullptr, rule));
  if (holders.empty()) {
    CRASH_POINT("remove.row_gone");
    RETURN_IF_ERROR(RemoveFiles(record));
  }
  return holders;
}

absl::Status Objects::RemoveFiles(const ArtifactRecord& record) {
  const std::string& hex = record.digest.hex();
  const fs::path dir = places_.object_dir(hex);
  RETURN_IF_ERROR(EnsurePrivateDir(dir, 0700));
  CRASH_POINT("remove.begin");
  // The record last: an object without one could not be adopted again.
  RETURN_IF_ERROR(trash_.Take(places_.object(hex)).status());
  CRASH_POINT("remove.object_moved");
  RETURN_IF_ERROR(trash_.Take(places_.object_record(hex)).status());
  ForgetUnsynced(record.digest);
  CRASH_POINT("remove.moved");
  // Both ends, or it may be back after a power cut, and be adopted.
  RETURN_IF_ERROR(SyncDir(dir));
  RETURN_IF_ERROR(SyncDir(places_.trash()));
  CRASH_POINT("remove.synced");
  return trash_.Empty();
}

absl::Status Objects::Quarantine(const ArtifactRecord& record,
                                 std::string_view why) {
  const DigestLocks::Hold hold(locks_, record.digest);
  const absl::Status moved = QuarantineFiles(record.digest, why);
  CRASH_POINT("quarantine.files_moved");
  RETURN_IF_ERROR(
      index_.DeleteArtifact(record.digest, "QUARANTINED", clock_.NowMs(), why));
  return moved;
}

absl::Status Objects::QuarantineFiles(const Digest& digest,
                                      std::string_view why) const {
  Log("store")->error("quarantine of {}: {}", digest.ToString(),
                      Printable(why));
  const fs::path dir = places_.object_dir(digest.hex());
  // Nothing is renamed through a planted link.
  RETURN_IF_ERROR(EnsurePrivateDir(dir, 0700));
  for (const fs::path& path :
       {places_.object(digest.hex()), places_.object_record(digest.hex())}) {
    RETURN_IF_ERROR(MoveAside(path, places_.quarantine()).status());
    CRASH_POINT("quarantine.file_moved");
  }
  ForgetUnsynced(digest);
  RETURN_IF_ERROR(SyncDir(dir));
  return SyncDir(places_.quarantine());
}

fs::path Objects::Path(const ArtifactRecord& record) const {
  return places_.object(record.digest.hex());
}

void Objects::Step(std::string_view step) const {
  if (step_hook_) {
    step_hook_(step);
  }
}

}  // namespace bottled
