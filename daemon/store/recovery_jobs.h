// SettleJob: what becomes of a job that the daemon's death cut off.
//
//   found                                  then
//   it ran, in its second unclean stop     failed, reason POISON
//   repeatable (JobRecord)                 queued, under its ID; a run that was
//                                          cut off counts
//   else, or with another index            interrupted
//
// Crashes are counted for a job's flight as well, since others may ask for the
// same.

#ifndef BOTTLED_STORE_RECOVERY_JOBS_H_
#define BOTTLED_STORE_RECOVERY_JOBS_H_

#include "absl/status/status.h"
#include "store/index.h"
#include "store/recovery.h"

namespace bottled {

// `job` is open, and its publication cannot be finished. May be killed at any
// point and repeated. Errors of the index but NO_SPACE: then the job is
// interrupted, in memory at least.
absl::Status SettleJob(Index& index, const JobRecord& job, int64_t now_ms,
                       RecoveryReport& report);

// Ends a job without a count, for one in a copy of the index: it may have ended
// since. Errors as above.
absl::Status InterruptJob(Index& index, const JobRecord& job, int64_t now_ms,
                          RecoveryReport& report);

}  // namespace bottled

#endif  // BOTTLED_STORE_RECOVERY_JOBS_H_
