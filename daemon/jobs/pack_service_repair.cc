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
  TellRepaired(deps_.changes, deps_.index, actions);
  return actions;
}

}  // namespace bottled
