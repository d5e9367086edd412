// Plans as messages.

#ifndef BOTTLED_RPC_CONVERT_PLAN_H_
#define BOTTLED_RPC_CONVERT_PLAN_H_

#include <string>

#include "absl/status/statusor.h"
#include "bottle/plan.h"
#include "bottled/v1/bottle.pb.h"

namespace bottled {

// The same as PlanFromJson(PlanJson(plan)), in a fraction of its time.
v1::Plan ToProto(const Plan& plan);

// The text of a plan.json as a message: its fields have the same names. Reason
// PLAN_DAMAGED when it is none.
absl::StatusOr<v1::Plan> PlanFromJson(const std::string& plan_json);

}  // namespace bottled

#endif  // BOTTLED_RPC_CONVERT_PLAN_H_
