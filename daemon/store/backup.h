// Copies of the index that survive its damage: pins, leases and bottles, which
// nothing else on the disk remembers.
//
// A copy is made by SQLite itself (VACUUM INTO), so that no descriptor of ours
// touches the database, synced, looked through, and only then given its name,
// backup/bottled-<time>.db. The three newest are kept.

#ifndef BOTTLED_STORE_BACKUP_H_
#define BOTTLED_STORE_BACKUP_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "platform/places.h"
#include "store/sqlite.h"

namespace bottled {

struct BackupFile {
  std::filesystem::path path;
  int64_t made_ms = 0;
};

// Complete ones, the newest first; none when there is no such directory.
absl::StatusOr<std::vector<BackupFile>> ListBackups(
    const std::filesystem::path& dir);

// Writes a copy to a path that does not exist.
using WriteCopy =
    std::function<absl::Status(const std::filesystem::path& path)>;

// The usual one. Blocks for about 10 ms for each MB; the copy is not synced.
absl::Status VacuumInto(Database& db, const std::filesystem::path& path);

// Keeps a copy in `dir`, which is made if need be, and removes what is too old.
// Reasons as SqliteError() and platform/file.h; INDEX_CORRUPT when the copy is
// not whole. After an error the older copies are as they were.
absl::Status MakeBackup(const WriteCopy& write,
                        const std::filesystem::path& dir, int64_t now_ms);

// Puts a copy in the place of the database, which must not exist. The copy
// itself stays. Nothing is checked here: opening does that.
absl::Status PutBackInPlace(const BackupFile& backup,
                            const std::filesystem::path& database);

}  // namespace bottled

#endif  // BOTTLED_STORE_BACKUP_H_
