#include "rpc/errors.h"

#include "base/error.h"
#include "fmt/format.h"

namespace bottled {

absl::Status BadRequest(std::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_REQUEST", what,
                   "See the comments in proto/bottled/v1/bottled.proto.");
}

absl::Status TooManyWatchers(int limit) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "TOO_MANY_WATCHERS",
      fmt::format("There are already {} watchers, the most allowed", limit),
      "Use GetJob, or end other watchers first.");
}

}  // namespace bottled
