// Repair: makes rows and files agree, on request and after every start, while
// the daemon serves.

#ifndef BOTTLED_STORE_REPAIR_H_
#define BOTTLED_STORE_REPAIR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "image/digest.h"
#include "platform/places.h"
#include "store/index.h"
#include "store/objects.h"

namespace bottled {

struct RepairAction {
  enum class Kind {
    kAdopted,        // a file got a row
    kQuarantined,    // a file moved to quarantine/, its row went, if any
    kRowRemoved,     // a row had no file
    kRecordRemoved,  // a record had no file
    kNoRow,          // a file has none, like too many others; left alone
    kLeftAlone,      // could not be read or changed, or is not ours
  };
  Kind kind = Kind::kLeftAlone;
  // "sha256:…", or a path.
  std::string subject;
  std::string detail;  // for a person; may be empty
  // Of kAdopted, kQuarantined and kRowRemoved, unless it is a foreign name.
  Digest digest;
};

// What to do when more than 5 files and more than a tenth of the bytes in obj/
// have no row.
enum class ManyOrphans {
  kTakeIn,
  kLeaveAlone,  // then it is the index that is wrong: a person decides
};

// Every row has its file, quickly checked, and its record; every file in obj/
// has its row, or was read in full and gets one, or goes to quarantine; records
// without a file go. Thread-safe, beside everything else. Blocks for the
// reading. CANCELLED, which `on_read` may return, ends it where it is, as does
// a degraded index when there is something to write; doing it again is no harm.
absl::StatusOr<std::vector<RepairAction>> Repair(
    const Places& places, Index& index, Objects& objects, const OnRead& on_read,
    ManyOrphans many = ManyOrphans::kTakeIn);

}  // namespace bottled

#endif  // BOTTLED_STORE_REPAIR_H_
