// The part of recovery that compares rows with files; the table is in
// recovery.h. CheckRows() and AdoptOrphans() want index and objects for
// themselves.

#ifndef BOTTLED_STORE_RECOVERY_FILES_H_
#define BOTTLED_STORE_RECOVERY_FILES_H_

#include <cstdint>
#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "platform/places.h"
#include "store/index.h"
#include "store/object_file.h"
#include "store/objects.h"
#include "store/recovery.h"

namespace bottled {

// Something in obj/<aa>/ that has no row.
struct Orphan {
  std::filesystem::path path;
  // Empty for a name that is no object's.
  Digest digest;
  int64_t bytes = 0;
};

struct ObjectScan {
  std::vector<Orphan> orphans;
  std::vector<std::filesystem::path> records_alone;
  int64_t total_bytes = 0;
  int64_t orphan_bytes = 0;
  // Names in obj/ that are no directories of ours.
  int foreign = 0;
};

// Compares names with rows; what changes meanwhile may be reported wrongly.
absl::StatusOr<ObjectScan> ScanObjects(const Places& places, Index& index);

// The record of an orphan whose bytes are what its name says, else reason
// ARTIFACT_DAMAGED. Other errors prove nothing.
absl::StatusOr<ArtifactRecord> ReadOrphan(const Places& places,
                                          const Orphan& orphan,
                                          const OnRead& on_read = nullptr);

// To be called before Adopt(): it may be in memory only, and a row says that
// the disk has it. Reason ARTIFACT_DAMAGED when its bytes were lost over that.
absl::Status SyncOrphan(const Places& places, const Digest& digest);

// Gives it a row, used now. Its key stays with an artifact that is newer.
absl::Status Adopt(Index& index, const Clock& clock, ArtifactRecord record);

// OK for NO_SPACE, which is logged; else the status itself.
absl::Status TolerateFullDisk(const absl::Status& status);

// Every row has its file, unchanged, or goes.
absl::Status CheckRows(const Places& places, Index& index, Objects& objects,
                       const Clock& clock, RecoveryReport& report);

// Every file in obj/ has its row, or gets one, or goes to quarantine. Without
// `rebuild`, many files without rows are left alone. Records without an object
// are removed.
absl::Status AdoptOrphans(const Places& places, Index& index, Objects& objects,
                          const Clock& clock, bool rebuild,
                          RecoveryReport& report);

}  // namespace bottled

#endif  // BOTTLED_STORE_RECOVERY_FILES_H_
