// The parts of Objects that look for damage and mend it while it serves.
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "platform/file.h"
#include "platform/file_hints.h"
#include "store/errors.h"
#include "store/objects.h"
#include "store/recovery_files.h"

namespace bottled {

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
  absl::StatusOr<ArtifactRecord> record =
      ReadOrphan(places_, {.path = path, .digest = digest}, on_read);
  absl::Status status = record.status();
  if (status.ok()) {
    status = SyncOrphan(places_, digest);
  }
  if (status.ok()) {
    RETURN_IF_ERROR(Adopt(index_, clock_, *record));
    adopted = *std::move(record);
    return OrphanFate::kAdopted;
  }
  if (!HasReason(status, kArtifactDamaged)) {
    return status;
  }
  RETURN_IF_ERROR(QuarantineFiles(digest, std::string(status.message())));
  return OrphanFate::kQuarantined;
}

absl::StatusOr<bool> Objects::RemoveLoneRecord(const Digest& digest) {
  const DigestLocks::Hold hold(locks_, digest);
  if (PathExists(places_.object(digest.hex()))) {
    return false;
  }
  const std::filesystem::path path = places_.object_record(digest.hex());
  if (::unlink(path.c_str()) == 0) {
    return true;
  }
  const int error = errno;
  return error == ENOENT ? absl::StatusOr<bool>(false)
                         : ErrnoError(error, "unlink " + path.native());
}

}  // namespace bottled
