// The part of recovery that compares rows with files; the table is in
// recovery.h. Not thread-safe: nothing else may use index and objects
// meanwhile.

#ifndef BOTTLED_STORE_RECOVERY_FILES_H_
#define BOTTLED_STORE_RECOVERY_FILES_H_

#include "absl/status/status.h"
#include "base/clock.h"
#include "platform/places.h"
#include "store/index.h"
#include "store/objects.h"
#include "store/recovery.h"

namespace bottled {

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
