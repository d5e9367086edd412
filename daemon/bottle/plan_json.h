// The JSON texts of a bottle: plan.json and metadata.json. Private to bottle/.

#ifndef BOTTLED_BOTTLE_PLAN_JSON_H_
#define BOTTLED_BOTTLE_PLAN_JSON_H_

#include <string>

#include "bottle/plan.h"

namespace bottled {

// Who the bottle is, for tools that know bot-bottle's metadata.json: identity,
// agent_name, cwd, copy_cwd, started_at, compose_project, backend, bottles.
std::string MetadataJson(const PlanInput& input);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_PLAN_JSON_H_
