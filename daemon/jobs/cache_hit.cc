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

// Objects::Lookup() does not say what it removed, so this looks first, in the
// way that it does.
absl::StatusOr<std::optional<ArtifactRecord>> LookUp(Index& index,
                                                     Objects& objects,
                                                     const Digest& key,
                                                     ChangeFeed* changes) {
  ASSIGN_OR_RETURN(std::optional<ArtifactRecord> record, index.FindByKey(key));
  if (!record.has_value() || objects.OpenObject(*record).ok()) {
    return record;
  }
  const Digest digest = record->digest;
  ASSIGN_OR_RETURN(record, objects.Lookup(key));
  TellIfGone(changes, index, digest);
  return record;
}

}  // namespace

void TellIfGone(ChangeFeed* changes, Index& index, const Digest& digest) {
  if (changes == nullptr) {
    return;
  }
  const absl::StatusOr<std::optional<ArtifactRecord>> left =
      index.FindByDigest(digest);
  if (left.ok() && !left->has_value()) {
    changes->Publish(ChangeKind::kArtifactRemoved, digest.ToString());
  }
}

void TellRepaired(ChangeFeed* changes, Index& index,
                  const std::vector<RepairAction>& actions) {
  for (const RepairAction& action : actions) {
    if (action.digest.empty()) {
      continue;
    }
    if (action.kind != RepairAction::Kind::kAdopted) {
      TellIfGone(changes, index, action.digest);
      continue;
    }
    // Some time may have passed since.
    const absl::StatusOr<std::optional<ArtifactRecord>> now =
        index.FindByDigest(action.digest);
    if (now.ok() && now->has_value()) {
      Tell(changes, ChangeKind::kArtifactAdded, action.subject);
    }
  }
}

absl::StatusOr<std::optional<ArtifactRecord>> FindCached(
    Index& index, Objects& objects, const Clock& clock, const Digest& key,
    const std::string& reference, ChangeFeed* changes, JobClass job_class) {
  ASSIGN_OR_RETURN(std::optional<ArtifactRecord> record,
                   LookUp(index, objects, key, changes));
  if (record.has_value()) {
    if (job_class != JobClass::kWarm) {
      LogFailure("a use",
                 index.Touch(record->digest, reference, clock.NowMs()));
    }
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
