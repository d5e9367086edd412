#include "store/errors.h"

#include <sqlite3.h>

#include <cerrno>

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {
namespace {

using Code = absl::StatusCode;

constexpr std::string_view kTryAgain = "Ask for the artifact again.";
constexpr std::string_view kRestart =
    "Restart the daemon (bottlectl daemon stop): it checks the index, and "
    "rebuilds it when it is damaged.";

// SQLite reports ENOSPC of a write as SQLITE_FULL, but an exhausted quota as an
// I/O error, and a log that cannot be created as SQLITE_CANTOPEN.
bool IsFull(sqlite3* db, int code) {
  if ((code & 0xff) == SQLITE_FULL) {
    return true;
  }
  const bool system =
      (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  const int error = system && db != nullptr ? sqlite3_system_errno(db) : 0;
  return error == EDQUOT || error == ENOSPC;
}

}  // namespace

absl::Status SqliteError(sqlite3* db, int code, std::string_view what) {
  std::string text = sqlite3_errstr(code);
  if (db != nullptr && (sqlite3_extended_errcode(db) & 0xff) == (code & 0xff)) {
    text = sqlite3_errmsg(db);
  }
  const std::string message =
      fmt::format("index: {}: {} ({})", what, Printable(text, 512), code);
  if (IsFull(db, code)) {
    return MakeError(Code::kResourceExhausted, "NO_SPACE", message,
                     "Free some disk space and try again.");
  }
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return MakeError(Code::kDataLoss, kIndexCorrupt, message, kRestart);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return MakeError(
          Code::kFailedPrecondition, kIndexLocked, message,
          "Another program has the index open. Close it and try again.");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return MakeError(Code::kUnavailable, "IO_ERROR", message,
                       "Check the disk and the permissions of the state "
                       "directory.");
    default:
      return MakeError(Code::kInternal, kIndexError, message, "");
  }
}

absl::Status IndexCorruptError(const std::filesystem::path& path,
                               std::string_view problem) {
  return MakeError(Code::kDataLoss, kIndexCorrupt,
                   fmt::format("the index {} is damaged: {}", path.native(),
                               Printable(problem, 512)),
                   kRestart);
}

absl::Status IndexForeignError(const std::filesystem::path& path) {
  return MakeError(
      Code::kFailedPrecondition, kIndexForeign,
      fmt::format("{} is the database of another program", path.native()),
      "Move it away, or choose another state directory (BOTTLED_STATE_DIR).");
}

absl::Status IndexTooNewError(std::string_view what) {
  return MakeError(
      Code::kFailedPrecondition, kIndexTooNew,
      fmt::format("a newer bottled has written the index ({})",
                  Printable(what, 128)),
      "Install that release again, or choose another state directory "
      "(BOTTLED_STATE_DIR).");
}

absl::Status IndexDegradedError(const absl::Status& cause) {
  return MakeError(Code::kUnavailable, kIndexDegraded,
                   fmt::format("the index takes no writes since one failed: {}",
                               std::string(cause.message())),
                   kRestart);
}

absl::Status JobExistsError(std::string_view job_id) {
  return MakeError(Code::kAlreadyExists, kJobExists,
                   fmt::format("job {} is at work on the same content", job_id),
                   kTryAgain);
}

absl::Status JobNotOpenError(std::string_view job_id) {
  return MakeError(
      Code::kFailedPrecondition, kJobNotOpen,
      fmt::format("job {} has ended, or was never written down", job_id),
      kTryAgain);
}

absl::Status UnlessFull(const absl::Status& status) {
  return HasReason(status, "NO_SPACE") ? absl::OkStatus() : status;
}

absl::Status InterruptedError() {
  return MakeError(Code::kAborted, "INTERRUPTED",
                   "The daemon stopped while the job was at work",
                   "Ask for the artifact again.");
}

absl::Status PoisonError(int crashes) {
  return MakeError(
      Code::kFailedPrecondition, "POISON",
      fmt::format("The daemon ended {} times while this ran, and does not try "
                  "it again by itself",
                  crashes),
      "The daemon's log may say why. Ask with --force (prepare: --rebuild) to "
      "try it again.");
}

absl::Status BottleExistsError(std::string_view slug) {
  return MakeError(
      Code::kAlreadyExists, kBottleExists,
      fmt::format("there is a bottle {} already", Printable(slug, 128)),
      "Resume it with --resume, or ask again for a new one.");
}

absl::Status BottleNotFoundError(std::string_view slug) {
  return MakeError(Code::kNotFound, kBottleNotFound,
                   fmt::format("there is no bottle {}", Printable(slug, 128)),
                   "List the bottles with: bottlectl bottles ls");
}

absl::Status LeaseTakenError(std::string_view slug, std::string_view holder) {
  return MakeError(
      Code::kInternal, kIndexError,
      fmt::format("index: the addresses chosen for bottle {} belong to {}",
                  Printable(slug, 128), Printable(holder, 128)),
      "");
}

absl::Status ArtifactNotFoundError(std::string_view digest) {
  return MakeError(Code::kNotFound, kArtifactNotFound,
                   fmt::format("there is no artifact {}", digest), kTryAgain);
}

absl::Status ArtifactMissingError(const std::filesystem::path& path) {
  return MakeError(Code::kNotFound, kArtifactMissing,
                   fmt::format("{} is gone", path.native()), kTryAgain);
}

absl::Status ArtifactDamagedError(const std::filesystem::path& path,
                                  std::string_view why) {
  return MakeError(Code::kDataLoss, kArtifactDamaged,
                   fmt::format("{} is not the file that was published: {}",
                               path.native(), why),
                   kTryAgain);
}

absl::Status BadStagedFileError(const std::filesystem::path& path,
                                std::string_view why) {
  return MakeError(
      Code::kInternal, kBadStagedFile,
      fmt::format("{} cannot be published: {}", path.native(), why), "");
}

absl::Status BadObjectRecordError(std::string_view why) {
  return MakeError(Code::kDataLoss, kBadObjectRecord,
                   fmt::format("not the record of an object: {}", why), "");
}

absl::Status BadJobIdError(std::string_view job_id) {
  return MakeError(
      Code::kInternal, "BAD_JOB_ID",
      fmt::format("'{}' is no name of a job", Printable(job_id, 128)), "");
}

}  // namespace bottled
