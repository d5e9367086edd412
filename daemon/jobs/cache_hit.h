// Answers from the cache.

#ifndef BOTTLED_JOBS_CACHE_HIT_H_
#define BOTTLED_JOBS_CACHE_HIT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "image/digest.h"
#include "jobs/change_feed.h"
#include "jobs/job_class.h"
#include "store/index.h"
#include "store/objects.h"
#include "store/repair.h"

namespace bottled {

// The artifact of `key`, if it is there and its file is sound, after noting
// that it was used now and what `reference` (may be empty) means. A note that
// cannot be written is only logged. `changes` (may be null) hears of an
// artifact that turned out to be gone or damaged. Warming uses nothing, it only
// looks.
absl::StatusOr<std::optional<ArtifactRecord>> FindCached(
    Index& index, Objects& objects, const Clock& clock, const Digest& key,
    const std::string& reference, ChangeFeed* changes = nullptr,
    JobClass job_class = JobClass::kInteractive);

// Tells `changes` (may be null) that an artifact was removed, if the index no
// longer has it.
void TellIfGone(ChangeFeed* changes, Index& index, const Digest& digest);

// Tells `changes` (may be null) of what was taken in and what went.
void TellRepaired(ChangeFeed* changes, Index& index,
                  const std::vector<RepairAction>& actions);

// Remembers what `reference` means; empty is fine. Failures are only logged.
void NoteReference(Index& index, const Clock& clock,
                   const std::string& reference, const Digest& key);

}  // namespace bottled

#endif  // BOTTLED_JOBS_CACHE_HIT_H_
