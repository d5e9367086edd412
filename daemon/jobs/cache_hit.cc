#include "jobs/cache_hit.h"

#include "base/log.h"
#include "base/status_macros.h"

namespace bottled {
namespace {

void LogFailure(const char* what, const absl::Status& status) {
  if (!status.ok()) {
    Log("jobs")->warn("cannot note {}: {}", what,
                      std::string(status.message()));
  }
}

}  // namespace

absl::StatusOr<std::optional<ArtifactRecord>> FindCached(
    Index& index, Objects& objects, const Clock& clock, const Digest& key,
    const std::string& reference) {
  ASSIGN_OR_RETURN(std::optional<ArtifactRecord> record, objects.Lookup(key));
  if (record.has_value()) {
    LogFailure("a use", index.Touch(record->digest, reference, clock.NowMs()));
    NoteReference(index, clock, reference, key);
  }
  return record;
}

void NoteReference(Index& index, const Clock& clock,
                   const std::string& reference, const Digest& key) {
  if (!reference.empty()) {
    LogFailure("a reference",
               index.RecordReference(reference, key, clock.NowMs()));
  }
}

}  // namespace bottled
