// The errors of store/, one function each. Those of SQLite itself are made by
// SqliteError(). Pure, so thread-safe.

#ifndef BOTTLED_STORE_ERRORS_H_
#define BOTTLED_STORE_ERRORS_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"

struct sqlite3;

namespace bottled {

inline constexpr std::string_view kIndexCorrupt = "INDEX_CORRUPT";
inline constexpr std::string_view kIndexForeign = "INDEX_FOREIGN";
inline constexpr std::string_view kIndexLocked = "INDEX_LOCKED";
inline constexpr std::string_view kIndexTooNew = "INDEX_TOO_NEW";
inline constexpr std::string_view kIndexDegraded = "INDEX_DEGRADED";
inline constexpr std::string_view kIndexError = "INDEX_ERROR";
inline constexpr std::string_view kJobExists = "JOB_EXISTS";
inline constexpr std::string_view kJobNotOpen = "JOB_NOT_OPEN";
inline constexpr std::string_view kBottleExists = "BOTTLE_EXISTS";
inline constexpr std::string_view kBottleNotFound = "BOTTLE_NOT_FOUND";
inline constexpr std::string_view kArtifactNotFound = "ARTIFACT_NOT_FOUND";
inline constexpr std::string_view kArtifactMissing = "ARTIFACT_MISSING";
inline constexpr std::string_view kArtifactDamaged = "ARTIFACT_DAMAGED";
inline constexpr std::string_view kBadStagedFile = "BAD_STAGED_FILE";
inline constexpr std::string_view kBadObjectRecord = "BAD_OBJECT_RECORD";

// The error of `code`, a result of SQLite other than OK, ROW and DONE, while
// doing `what`. Reasons: NO_SPACE (the transaction was rolled back, later ones
// may succeed), INDEX_CORRUPT, INDEX_LOCKED, IO_ERROR, else INDEX_ERROR. `db`
// adds SQLite's own words and may be null.
absl::Status SqliteError(sqlite3* db, int code, std::string_view what);

// INDEX_CORRUPT: quick_check found `problem`.
absl::Status IndexCorruptError(const std::filesystem::path& path,
                               std::string_view problem);

// INDEX_FOREIGN: the file belongs to another application.
absl::Status IndexForeignError(const std::filesystem::path& path);

// INDEX_TOO_NEW: a later release migrated it; `what` names the step.
absl::Status IndexTooNewError(std::string_view what);

// INDEX_DEGRADED: an earlier write failed with `cause` in a way that leaves
// open what is on the disk.
absl::Status IndexDegradedError(const absl::Status& cause);

// JOB_EXISTS, code ALREADY_EXISTS: `job_id` runs for the same content key.
absl::Status JobExistsError(std::string_view job_id);

// JOB_NOT_OPEN: the job has no row, or has ended already.
absl::Status JobNotOpenError(std::string_view job_id);

// OK for NO_SPACE: what a full disk does not take may be left out. Else the
// status itself.
absl::Status UnlessFull(const absl::Status& status);

// INTERRUPTED: how a job ends that the daemon's death cut off.
absl::Status InterruptedError();

// POISON: the daemon died `crashes` times while it ran, so it is not tried
// again by itself.
absl::Status PoisonError(int crashes);

// BOTTLE_EXISTS, code ALREADY_EXISTS.
absl::Status BottleExistsError(std::string_view slug);

// BOTTLE_NOT_FOUND, code NOT_FOUND.
absl::Status BottleNotFoundError(std::string_view slug);

// INDEX_ERROR, code INTERNAL: the addresses chosen for `slug` are those of
// `holder`.
absl::Status LeaseTakenError(std::string_view slug, std::string_view holder);

// ARTIFACT_NOT_FOUND, code NOT_FOUND: the index has none of this digest.
absl::Status ArtifactNotFoundError(std::string_view digest);

// ARTIFACT_MISSING: the file of an artifact is gone.
absl::Status ArtifactMissingError(const std::filesystem::path& path);

// ARTIFACT_DAMAGED, code DATA_LOSS: it is not the file that was published.
absl::Status ArtifactDamagedError(const std::filesystem::path& path,
                                  std::string_view why);

// BAD_STAGED_FILE: what the packer left cannot be published.
absl::Status BadStagedFileError(const std::filesystem::path& path,
                                std::string_view why);

// BAD_OBJECT_RECORD: the text beside an object is not a record.
absl::Status BadObjectRecordError(std::string_view why);

// INTERNAL: a job id that is no file name.
absl::Status BadJobIdError(std::string_view job_id);

}  // namespace bottled

#endif  // BOTTLED_STORE_ERRORS_H_
