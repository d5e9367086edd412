#include "rpc/errors.h"

#include "base/error.h"
#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {

absl::Status BadRequest(std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_REQUEST", what,
                   "See the comments in proto/bottled/v1/bottled.proto.");
}

absl::Status TooManyWatchers(int limit, std::string_view where) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "TOO_MANY_WATCHERS",
      fmt::format("There are already {} watchers{}, the most allowed", limit,
                  where),
      "Use GetJob, or end other watchers first.");
}

absl::Status PlanDamaged(std::string_view why) {
  return MakeError(absl::StatusCode::kDataLoss, "PLAN_DAMAGED",
                   fmt::format("The bottle's plan.json cannot be read: {}",
                               Printable(why, 512)),
                   "Write it again with: bottlectl prepare --resume SLUG");
}

}  // namespace bottled
