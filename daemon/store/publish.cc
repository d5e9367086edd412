// Objects::Publish() and ResumePublish(); objects.h has the order and why.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "platform/fault_calls.h"
#include "platform/fault_points.h"
#include "platform/file.h"
#include "store/errors.h"
#include "store/object_file.h"
#include "store/object_record.h"
#include "store/objects.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

absl::Status UnlinkIfThere(const fs::path& path) {
  if (sys::Unlink(path.c_str()) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  const int error = errno;
  return ErrnoError(error, "unlink " + path.native());
}

absl::Status CheckStaged(int fd, const fs::path& path,
                         const ArtifactRecord& record) {
  struct stat info = {};
  const absl::Status shape = CheckShape(fd, path, record.size_bytes, info);
  if (HasReason(shape, kArtifactDamaged)) {
    return BadStagedFileError(path, std::string(shape.message()));
  }
  RETURN_IF_ERROR(shape);
  // A second name would be a way to change it after publication.
  return info.st_nlink == 1 ? absl::OkStatus()
                            : BadStagedFileError(path, "it has other links");
}

// A stage file may only be dropped, or vanish, with nobody relying on it.
absl::Status DropStaged(const fs::path& object, const fs::path& record) {
  RETURN_IF_ERROR(UnlinkIfThere(object));
  return UnlinkIfThere(record);
}

}  // namespace

fs::path Objects::Staged(const std::string& job_id,
                         const ArtifactRecord& record) const {
  return places_.job_stage(job_id) /
         places_.object(record.digest.hex()).filename();
}

fs::path Objects::StagedRecord(const std::string& job_id,
                               const ArtifactRecord& record) const {
  return places_.job_stage(job_id) /
         places_.object_record(record.digest.hex()).filename();
}

absl::StatusOr<ArtifactRecord> Objects::Publish(const std::string& job_id,
                                                const fs::path& file,
                                                ArtifactRecord record) {
  record.created_ms = clock_.NowMs();
  record.last_used_ms = record.created_ms;
  RETURN_IF_ERROR(PrepareStage(job_id, file, record));
  CRASH_POINT("publish.synced");
  Step("synced");
  RETURN_IF_ERROR(index_.MarkPublishing(job_id, record));
  CRASH_POINT("publish.publishing");
  Step("publishing");
  const DigestLocks::Hold hold(locks_, record.digest);
  return MoveIn(job_id, std::move(record));
}

absl::StatusOr<ArtifactRecord> Objects::ResumePublish(const std::string& job_id,
                                                      ArtifactRecord record) {
  const DigestLocks::Hold hold(locks_, record.digest);
  const fs::path staged = Staged(job_id, record);
  const absl::StatusOr<Fd> fd = OpenNoFollow(staged);
  if (fd.ok()) {
    const absl::Status content = CheckContent(fd->get(), staged, record);
    if (HasReason(content, kArtifactDamaged)) {
      Log("store")->warn("{}", std::string(content.message()));
      RETURN_IF_ERROR(DropStaged(staged, StagedRecord(job_id, record)));
    } else {
      RETURN_IF_ERROR(content);
      // The file was synced before its job was noted as publishing.
      RETURN_IF_ERROR(WriteStagedRecord(job_id, record));
    }
  }
  return MoveIn(job_id, std::move(record));
}

absl::Status Objects::PrepareStage(const std::string& job_id,
                                   const fs::path& file,
                                   const ArtifactRecord& record) const {
  if (job_id.empty() || record.digest.empty() || record.content_key.empty() ||
      file.parent_path() != places_.job_stage(job_id)) {
    return BadStagedFileError(file, "it is not the staged file of a job");
  }
  const absl::StatusOr<Fd> fd = OpenNoFollow(file);
  if (!fd.ok()) {
    return BadStagedFileError(file, std::string(fd.status().message()));
  }
  RETURN_IF_ERROR(CheckStaged(fd->get(), file, record));
  CRASH_POINT("publish.checked");
  const fs::path staged = Staged(job_id, record);
  if (file != staged && sys::Rename(file.c_str(), staged.c_str()) != 0) {
    const int error = errno;
    return ErrnoError(error, "rename " + file.native());
  }
  CRASH_POINT("publish.named");
  // Mode and name before the fsync, so that it carries them to the disk.
  if (sys::Fchmod(fd->get(), 0400) != 0) {
    const int error = errno;
    return ErrnoError(error, "chmod " + staged.native());
  }
  RETURN_IF_ERROR(SyncFd(fd->get(), staged.native()));
  CRASH_POINT("publish.file_synced");
  return WriteStagedRecord(job_id, record);
}

absl::Status Objects::WriteStagedRecord(const std::string& job_id,
                                        const ArtifactRecord& record) const {
  // Also syncs the stage directory, and with it the object's name there.
  return WriteFileAtomic(StagedRecord(job_id, record),
                         EncodeObjectRecord(record), 0400);
}

absl::StatusOr<ArtifactRecord> Objects::MoveIn(const std::string& job_id,
                                               ArtifactRecord record) {
  const std::string& hex = record.digest.hex();
  const fs::path dir = places_.object_dir(hex);
  RETURN_IF_ERROR(EnsurePrivateDir(dir, 0700));
  CRASH_POINT("publish.directory_made");
  RETURN_IF_ERROR(SyncDir(places_.objects()));
  CRASH_POINT("publish.directory_synced");
  ASSIGN_OR_RETURN(const bool was_there, HasGoodObject(record));
  if (!was_there) {
    RETURN_IF_ERROR(RenameIn(job_id, record));
  } else if (!HasGoodRecord(record.digest)) {
    RETURN_IF_ERROR(UnlinkIfThere(places_.object_record(hex)));
    if (!PathExists(StagedRecord(job_id, record))) {
      RETURN_IF_ERROR(EnsurePrivateDir(places_.job_stage(job_id), 0700));
      RETURN_IF_ERROR(WriteStagedRecord(job_id, record));
    }
    RETURN_IF_ERROR(RenameNoReplace(StagedRecord(job_id, record),
                                    places_.object_record(hex)));
  }
  CRASH_POINT("publish.renamed");
  Step("renamed");
  absl::Status status = SyncMoved(job_id, record);
  // Only when the row is certainly not there: otherwise a restart decides.
  bool no_row = !status.ok();
  if (status.ok()) {
    status = index_.InsertArtifact(record, job_id, clock_.NowMs());
    no_row = HasReason(status, "NO_SPACE") || HasReason(status, kIndexDegraded);
  }
  if (!status.ok()) {
    if (no_row && !was_there) {
      const absl::Status removed = RemoveFiles(record);
      if (!removed.ok()) {
        Log("store")->warn("{}", std::string(removed.message()));
      }
    }
    return status;
  }
  CRASH_POINT("publish.committed");
  Step("committed");
  return record;
}

absl::Status Objects::SyncMoved(const std::string& job_id,
                                ArtifactRecord& record) const {
  RETURN_IF_ERROR(SyncDir(places_.object_dir(record.digest.hex())));
  CRASH_POINT("publish.object_dir_synced");
  if (PathExists(places_.job_stage(job_id))) {
    RETURN_IF_ERROR(SyncDir(places_.job_stage(job_id)));
  }
  CRASH_POINT("publish.dirs_synced");
  Step("dirs_synced");
  ASSIGN_OR_RETURN(const Fd fd, OpenObjectFile(places_, record.digest));
  struct stat info = {};
  RETURN_IF_ERROR(CheckShape(fd.get(), Path(record), record.size_bytes, info));
  NoteIdentity(info, record);
  return absl::OkStatus();
}

absl::StatusOr<bool> Objects::HasGoodObject(
    const ArtifactRecord& record) const {
  const absl::StatusOr<Fd> fd = OpenObjectFile(places_, record.digest);
  absl::Status status = fd.status();
  if (status.code() == absl::StatusCode::kNotFound) {
    return false;
  }
  if (status.ok()) {
    ArtifactRecord copy = record;
    status = CheckContent(fd->get(), Path(record), copy);
  }
  if (status.ok()) {
    // Perhaps not by us, or by a process that did not come to syncing it.
    status = Sync(record.digest);
  }
  if (HasReason(status, kArtifactDamaged)) {
    RETURN_IF_ERROR(
        QuarantineFiles(record.digest, std::string(status.message())));
    return false;
  }
  RETURN_IF_ERROR(status);
  return true;
}

bool Objects::HasGoodRecord(const Digest& digest) const {
  const absl::StatusOr<std::string> text =
      ReadSmallFile(places_.object_record(digest.hex()), kMaxObjectRecordBytes);
  if (!text.ok()) {
    return false;
  }
  const absl::StatusOr<ArtifactRecord> there = DecodeObjectRecord(*text);
  return there.ok() && there->digest == digest;
}

absl::Status Objects::RenameIn(const std::string& job_id,
                               const ArtifactRecord& record) const {
  const std::string& hex = record.digest.hex();
  const fs::path staged = Staged(job_id, record);
  if (!PathExists(staged)) {
    return ArtifactMissingError(staged);
  }
  // A record without its object is left from a removal or a crash.
  RETURN_IF_ERROR(UnlinkIfThere(places_.object_record(hex)));
  RETURN_IF_ERROR(RenameNoReplace(StagedRecord(job_id, record),
                                  places_.object_record(hex)));
  CRASH_POINT("publish.record_renamed");
  absl::Status renamed = RenameNoReplace(staged, places_.object(hex));
  if (!renamed.ok()) {
    const absl::Status undone = UnlinkIfThere(places_.object_record(hex));
    if (!undone.ok()) {
      Log("store")->warn("{}", std::string(undone.message()));
    }
  }
  return renamed;
}

}  // namespace bottled
