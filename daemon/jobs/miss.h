// Why an artifact is made: asking the index, telling the job and its callers.

#ifndef BOTTLED_JOBS_MISS_H_
#define BOTTLED_JOBS_MISS_H_

#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "image/digest.h"
#include "jobs/job.h"
#include "store/index.h"
#include "store/records.h"

namespace bottled {

// One sentence for a person, without a full stop; "" for an unknown reason. At
// most three changes are spelled out.
std::string MissSentence(const Miss& miss);

// Index::Explain(), or FORCED. An index that cannot answer is logged, and gives
// a miss without a reason.
Miss ExplainMiss(Index& index, const Clock& clock, const Digest& key,
                 const std::string& inputs, const std::string& reference,
                 bool force);

// Tells the job, its events and its row. When the disk or the memory is suspect
// that is a warning for who asked for the artifact, and DISK_SUSPECT for a job
// that only warms the cache: it would write to the same disk for ever.
absl::Status NoteMiss(Index& index, Job& job, const Miss& miss);

}  // namespace bottled

#endif  // BOTTLED_JOBS_MISS_H_
