// Errors of the rpc layer.

#ifndef BOTTLED_RPC_ERRORS_H_
#define BOTTLED_RPC_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

namespace bottled {

// A request that breaks the contract. Reason BAD_REQUEST.
absl::Status BadRequest(std::string_view what);

// More watches than allowed; `where` is "" or says of what. Reason
// TOO_MANY_WATCHERS.
absl::Status TooManyWatchers(int limit, std::string_view where);

// A plan.json that is no plan: somebody changed it, or a power failure took it
// before it was on the disk. Reason PLAN_DAMAGED.
absl::Status PlanDamaged(std::string_view why);

}  // namespace bottled

#endif  // BOTTLED_RPC_ERRORS_H_
