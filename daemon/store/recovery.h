// Recovery: makes disk and index agree after any way of dying, at every start,
// under the instance lock. In two parts, so that a full cache is served at
// once:
//
//   before the socket serves, Recover()      then
//   database fails quick_check               moved aside; the newest copy in
//                                            backup/ that opens takes its
//                                            place, else a new one; what
//                                            obj/*/*.json has beyond it is
//                                            adopted
//   job queued or running                    as recovery_jobs.h says; its stage
//                                            goes
//   job publishing, object file present      verified in full; good → finished,
//                                            bad → quarantine, and as if it ran
//   job publishing, staged file only         verified; resumed at the rename
//   job publishing, neither                  as if it ran
//   anything in stage/                       moved to trash/
//   anything in trash/                       removed, see Trash
//
//   while it serves, SettleObjects()         then
//   row without file                         row goes, reason MISSING
//   row without record beside its file       written anew
//   row whose file has another size          quarantine
//   row whose file has another inode, mtime  verified in full; good → noted (a
//                                            restored backup), bad → quarantine
//   file in obj/ without row                 record and SHA-256 good → adopted,
//                                            else quarantine
//   record in obj/ without file              removed
//   anything else in obj/<aa>/               quarantine
//
// A hit need not wait for the second part: it looks at its own row and file in
// the same way. When more than 5 files and more than a tenth of the bytes in
// obj/ have no row they are reported and left alone: then it is the index that
// is wrong. With a new index the second part comes before the socket too, and
// adopts all of them, whatever their number.
//
// A full disk is no reason not to start: what cannot be written is left alone
// until the next one. Blocks for the reading of every file that is verified in
// full. Reasons as Index and platform/file.h.

#ifndef BOTTLED_STORE_RECOVERY_H_
#define BOTTLED_STORE_RECOVERY_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "platform/instance_lock.h"
#include "platform/places.h"
#include "store/index.h"
#include "store/object_file.h"
#include "store/objects.h"
#include "store/repair.h"

namespace bottled {

struct RecoveryReport {
  bool index_rebuilt = false;
  // Of the copy that it was rebuilt from; 0 = none.
  int64_t backup_ms = 0;
  int interrupted_jobs = 0;
  // That wait again, and that the daemon has died of too often.
  int restarted_jobs = 0;
  int poisoned_jobs = 0;
  int finished_publications = 0;
  int adopted = 0;
  int quarantined = 0;
  int missing = 0;
  int stages_removed = 0;
  // Files without a row, too many of them.
  int without_row = 0;
  // What could not be read or changed, or is not ours.
  int left_alone = 0;
};

// Opens the index; when it is corrupt, a copy or a new one in its place. The
// damaged file is kept as bottled.db.corrupt-<time>.
absl::StatusOr<std::unique_ptr<Index>> OpenIndex(const Places& places,
                                                 const InstanceLock& lock,
                                                 const Clock& clock,
                                                 RecoveryReport& report);

// The first part of the table. Idempotent; it may itself be killed at any
// point. Open are only jobs that wait again then: who runs jobs takes them up.
absl::Status Recover(const Places& places, Index& index, Objects& objects,
                     const Clock& clock, RecoveryReport& report);

// The second part, beside everything else: Repair() that is counted in
// `report`, and leaves many files without a row alone unless the index is new.
absl::StatusOr<std::vector<RepairAction>> SettleObjects(const Places& places,
                                                        Index& index,
                                                        Objects& objects,
                                                        const OnRead& on_read,
                                                        RecoveryReport& report);

// One line, and more for what a person should look at; none for nothing.
void LogRecovery(const RecoveryReport& report);

}  // namespace bottled

#endif  // BOTTLED_STORE_RECOVERY_H_
