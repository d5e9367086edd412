#include "jobs/hold.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "jobs/errors.h"

namespace bottled {

absl::StatusOr<std::unique_ptr<Hold>> Hold::Begin(const Deps& deps,
                                                  const Digest& artifact,
                                                  const std::string& holder) {
  ASSIGN_OR_RETURN(const ArtifactLease lease,
                   deps.leases.Acquire(artifact, {.kind = LeaseKind::kStream,
                                                  .holder = holder}));
  absl::StatusOr<std::unique_ptr<Hold>> hold = Resume(deps, lease.id);
  if (!hold.ok()) {
    // Nobody knows its name, so nobody could come back to it. That it is gone
    // already would be fine.
    deps.leases.Release(lease.id).IgnoreError();
  }
  return hold;
}

absl::StatusOr<std::unique_ptr<Hold>> Hold::Resume(
    const Deps& deps, const std::string& lease_id) {
  ASSIGN_OR_RETURN(ArtifactLease lease, deps.leases.Attach(lease_id));
  std::unique_ptr<Hold> hold(new Hold(deps, std::move(lease)));
  ASSIGN_OR_RETURN(std::optional<ArtifactRecord> record,
                   deps.index.FindByDigest(hold->lease_.artifact));
  if (!record.has_value()) {
    return LeaseNotFound(lease_id);
  }
  // Who is given a path may open it.
  if (const absl::Status there = deps.objects.OpenObject(*record).status();
      !there.ok()) {
    ASSIGN_OR_RETURN(record, deps.objects.CheckFile(record->digest));
    if (!record.has_value()) {
      return there;
    }
  }
  hold->artifact_ = *std::move(record);
  return hold;
}

Hold::~Hold() { deps_.leases.Detach(lease_.id); }

absl::StatusOr<std::string> Hold::Lost() {
  ASSIGN_OR_RETURN(const bool there, deps_.leases.Exists(lease_.id));
  if (there) {
    return "";
  }
  ASSIGN_OR_RETURN(const std::optional<ArtifactRecord> record,
                   deps_.index.FindByDigest(artifact_.digest));
  if (!record.has_value()) {
    return deps_.index.MissReason(artifact_.content_key, "");
  }
  // Another one of the same bytes took the place of one that was removed.
  return record->created_ms == artifact_.created_ms ? "RELEASED" : "REMOVED";
}

}  // namespace bottled
