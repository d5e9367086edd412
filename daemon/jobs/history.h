// Past jobs: those that this daemon run no longer, or never, had in memory, as
// the index remembers them.

#ifndef BOTTLED_JOBS_HISTORY_H_
#define BOTTLED_JOBS_HISTORY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "jobs/job.h"
#include "jobs/scheduler.h"
#include "store/index.h"

namespace bottled {

// A finished job rebuilt from its row: its event log holds one event, the last.
// Reason JOB_NOT_FOUND.
absl::StatusOr<std::shared_ptr<Job>> FindPastJob(const std::string& id,
                                                 Index& index,
                                                 const Clock& clock);

// A job in memory, or a past one. Reason JOB_NOT_FOUND.
absl::StatusOr<std::shared_ptr<Job>> FindAnyJob(const std::string& id,
                                                const Scheduler& scheduler,
                                                Index& index,
                                                const Clock& clock);

// Jobs in memory and jobs that only the index knows, newest first.
absl::StatusOr<std::vector<JobSnapshot>> ListAllJobs(const Scheduler& scheduler,
                                                     Index& index,
                                                     bool include_finished,
                                                     int limit);

}  // namespace bottled

#endif  // BOTTLED_JOBS_HISTORY_H_
