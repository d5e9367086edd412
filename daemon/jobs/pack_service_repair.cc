// The part of PackService that mends the cache on request.

#include "base/status_macros.h"
#include "jobs/cache_hit.h"
#include "jobs/pack_service.h"

namespace bottled {

absl::StatusOr<std::vector<RepairAction>> PackService::RepairCache(
    const Places& places, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(std::vector<RepairAction> actions,
                   Repair(places, deps_.index, deps_.objects,
                          [&cancel](int64_t) { return cancel.Check(); }));
  for (const RepairAction& action : actions) {
    if (action.kind == RepairAction::Kind::kAdopted) {
      Tell(deps_.changes, ChangeKind::kArtifactAdded, action.subject);
    } else if (!action.digest.empty()) {
      TellIfGone(deps_.changes, deps_.index, action.digest);
    }
  }
  return actions;
}

}  // namespace bottled
