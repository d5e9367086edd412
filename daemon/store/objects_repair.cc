// The parts of Objects that look for damage and mend it while it serves.
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "platform/fault_calls.h"
#include "platform/fault_points.h"
#include "platform/file.h"
#include "platform/file_hints.h"
#include "store/errors.h"
#include "store/object_record.h"
#include "store/objects.h"

namespace bottled {
namespace {

// Reason ARTIFACT_DAMAGED unless its bytes are what its name says. Other errors
// prove nothing.
absl::StatusOr<ArtifactRecord> ReadOrphan(const Places& places,
                                          const Digest& digest,
                                          const OnRead& on_read) {
  const std::filesystem::path path = places.object(digest.hex());
  ASSIGN_OR_RETURN(const Fd fd, OpenObjectFile(places, digest));
  const absl::StatusOr<std::string> text =
      ReadSmallFile(places.object_record(digest.hex()), kMaxObjectRecordBytes);
  if (!text.ok()) {
    return text.status().code() == absl::StatusCode::kNotFound
               ? ArtifactDamagedError(path, "it has no record")
               : text.status();
  }
  absl::StatusOr<ArtifactRecord> record = DecodeObjectRecord(*text);
  if (!record.ok() || record->digest != digest) {
    return ArtifactDamagedError(path, "its record is not its own");
  }
  RETURN_IF_ERROR(CheckContent(fd.get(), path, *record, on_read));
  return record;
}

absl::Status Adopt(Index& index, const Clock& clock, ArtifactRecord record) {
  // Nobody knows when it was last used: idle is what is not used from now on.
  record.last_used_ms = clock.NowMs();
  return index.AdoptArtifact(record, clock.NowMs());
}

}  // namespace

absl::Status Objects::Sync(const Digest& digest) const {
  {
    MutexLock lock(unsynced_mu_);
    if (unsynced_.contains(digest)) {
      return ArtifactDamagedError(places_.object(digest.hex()),
                                  "it could not be synced");
    }
  }
  const absl::Status status = SyncObject(places_, digest);
  if (HasReason(status, kArtifactDamaged)) {
    MutexLock lock(unsynced_mu_);
    unsynced_.insert(digest);
  }
  return status;
}

void Objects::ForgetUnsynced(const Digest& digest) const {
  MutexLock lock(unsynced_mu_);
  unsynced_.erase(digest);
}

absl::Status Objects::Reconcile(ArtifactRecord& record,
                                const OnRead& on_read) const {
  const std::filesystem::path path = Path(record);
  ASSIGN_OR_RETURN(const Fd fd, OpenPresent(record));
  const absl::Status status = CheckUnchanged(fd.get(), path, record);
  if (!HasReason(status, kArtifactDamaged)) {
    return status;
  }
  const auto read = [&](int64_t bytes) -> absl::Status {
    RETURN_IF_ERROR(reads_cancelled_ ? CancelledError() : absl::OkStatus());
    return on_read ? on_read(bytes) : absl::OkStatus();
  };
  RETURN_IF_ERROR(CheckContent(fd.get(), path, record, read));
  // What a backup program wrote may be in memory only.
  RETURN_IF_ERROR(Sync(record.digest));
  CRASH_POINT("check.file_synced");
  if (const absl::Status noted = index_.UpdateFile(record); !noted.ok()) {
    // Good all the same; the next hit reads it again.
    Log("store")->warn("{}", std::string(noted.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ArtifactRecord>> Objects::CheckFile(
    const Digest& digest, const OnRead& on_read) {
  // Row and file change one after the other; with the lock held, they agree.
  const DigestLocks::Hold hold(locks_, digest);
  ASSIGN_OR_RETURN(std::optional<ArtifactRecord> record,
                   index_.FindByDigest(digest));
  if (!record.has_value()) {
    return record;
  }
  const absl::Status status = Reconcile(*record, on_read);
  if (status.ok()) {
    return record;
  }
  if (HasReason(status, kArtifactMissing)) {
    Log("store")->warn("{}", std::string(status.message()));
    CRASH_POINT("check.row_alone");
    RETURN_IF_ERROR(index_.DeleteArtifact(digest, "MISSING", clock_.NowMs()));
    return std::optional<ArtifactRecord>();
  }
  if (!HasReason(status, kArtifactDamaged)) {
    return status;
  }
  const absl::Status moved =
      QuarantineFiles(digest, std::string(status.message()));
  if (!moved.ok()) {
    Log("store")->error("{}", std::string(moved.message()));
  }
  CRASH_POINT("check.files_moved");
  RETURN_IF_ERROR(index_.DeleteArtifact(digest, "QUARANTINED", clock_.NowMs(),
                                        std::string(status.message())));
  return std::optional<ArtifactRecord>();
}

absl::Status Objects::ReadBack(const ArtifactRecord& record,
                               const OnRead& on_read) const {
  ASSIGN_OR_RETURN(const Fd fd, OpenObject(record));
  DropCached(fd.get());
  ArtifactRecord copy = record;
  const absl::Status status =
      CheckContent(fd.get(), Path(record), copy, on_read);
  // What nobody asked for shall not take the place of what is in use.
  DropCached(fd.get());
  return status;
}

absl::StatusOr<bool> Objects::QuarantineUnchanged(const ArtifactRecord& judged,
                                                  std::string_view why) {
  const DigestLocks::Hold hold(locks_, judged.digest);
  ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> now,
                   index_.FindByDigest(judged.digest));
  if (!now.has_value() || now->device != judged.device ||
      now->inode != judged.inode || now->mtime_ns != judged.mtime_ns) {
    return false;
  }
  const absl::Status moved = QuarantineFiles(judged.digest, why);
  if (!moved.ok()) {
    Log("store")->error("{}", std::string(moved.message()));
  }
  RETURN_IF_ERROR(
      index_.DeleteArtifact(judged.digest, "QUARANTINED", clock_.NowMs(), why));
  return true;
}

absl::StatusOr<Objects::OrphanFate> Objects::SettleOrphan(
    const Digest& digest, ArtifactRecord& adopted, const OnRead& on_read) {
  const DigestLocks::Hold hold(locks_, digest);
  ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> row,
                   index_.FindByDigest(digest));
  const std::filesystem::path path = places_.object(digest.hex());
  if (row.has_value() || !PathExists(path)) {
    return OrphanFate::kNone;
  }
  absl::StatusOr<ArtifactRecord> record = ReadOrphan(places_, digest, on_read);
  absl::Status status = record.status();
  if (status.ok()) {
    CRASH_POINT("repair.orphan_good");
    // It was copied in, or renamed by a process that was killed at once:
    // perhaps no disk has it yet, and a row says that one has.
    status = Sync(digest);
    if (status.ok()) {
      status = SyncDir(places_.objects());
    }
  }
  if (status.ok()) {
    CRASH_POINT("repair.orphan_synced");
    RETURN_IF_ERROR(Adopt(index_, clock_, *record));
    adopted = *std::move(record);
    return OrphanFate::kAdopted;
  }
  if (!HasReason(status, kArtifactDamaged)) {
    return status;
  }
  CRASH_POINT("repair.orphan_bad");
  RETURN_IF_ERROR(QuarantineFiles(digest, std::string(status.message())));
  return OrphanFate::kQuarantined;
}

absl::StatusOr<bool> Objects::RemoveLoneRecord(const Digest& digest) {
  const DigestLocks::Hold hold(locks_, digest);
  if (PathExists(places_.object(digest.hex()))) {
    return false;
  }
  const std::filesystem::path path = places_.object_record(digest.hex());
  CRASH_POINT("repair.record_alone");
  if (sys::Unlink(path.c_str()) == 0) {
    return true;
  }
  const int error = errno;
  return error == ENOENT ? absl::StatusOr<bool>(false)
                         : ErrnoError(error, "unlink " + path.native());
}

absl::Status Objects::RestoreRecord(const Digest& digest) {
  const DigestLocks::Hold hold(locks_, digest);
  ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> row,
                   index_.FindByDigest(digest));
  const std::filesystem::path path = places_.object_record(digest.hex());
  if (!row.has_value() || PathExists(path)) {
    return absl::OkStatus();
  }
  // What is left in stage/ is removed at the next start.
  const std::filesystem::path staged = places_.stage() / path.filename();
  RETURN_IF_ERROR(WriteFileAtomic(staged, EncodeObjectRecord(*row), 0400));
  RETURN_IF_ERROR(RenameNoReplace(staged, path));
  CRASH_POINT("repair.record_restored");
  return SyncDir(places_.object_dir(digest.hex()));
}

}  // namespace bottled
