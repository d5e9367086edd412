// What a warm target is made from, as the text that is kept of it.
//
// It is a PrepareSpec: an image, a local build, or an agent. The text holds no
// secret: build arguments with values, secrets and ssh sockets are refused, and
// of an environment only what names programs and directories is kept.
// Free functions, pure, thread-safe.

#ifndef BOTTLED_JOBS_WARM_SPEC_H_
#define BOTTLED_JOBS_WARM_SPEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "jobs/prepare_service.h"
#include "store/records.h"

namespace bottled {

// An agent when the spec names one, else by its source.
WarmKind WarmKindOf(const PrepareSpec& spec);

// For people: the reference, the context, the agent's name.
std::string WarmNameOf(const PrepareSpec& spec);

// A row for it, without anything that happened. Its ID is the same for all
// specs that ask the same engine for the same, whatever their environment.
// Reason BAD_WARM_TARGET for what cannot be kept: see above; also a remote
// context, `pull`, `no_cache`, an archive, no engine.
absl::StatusOr<WarmTarget> MakeWarmTarget(const PrepareSpec& spec,
                                          int64_t now_ms);

// The inverse, as a warm request. Reason BAD_WARM_TARGET for text of another
// form, which a later release may have written.
absl::StatusOr<PrepareSpec> DecodeWarmSpec(std::string_view text);

}  // namespace bottled

#endif  // BOTTLED_JOBS_WARM_SPEC_H_
