// Merging of bottles: a child over its parent, a later bottle over an earlier.
//
// Maps merge key by key (env, git-gate.user, git-gate.repos and each of its
// entries, extra_hosts), lists and single values replace (egress.routes,
// path_allowlist within them, supervise, agent_provider's two). Nothing can be
// unset; a list can be emptied. Pure, thread-safe.

#ifndef BOTTLED_BOTTLE_MANIFEST_MERGE_H_
#define BOTTLED_BOTTLE_MANIFEST_MERGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "bottle/manifest.h"
#include "bottle/manifest_parse.h"

namespace bottled {

// Puts `over` onto `base`: what both set is `over`'s afterwards, its origin
// too, in the place where `base` had it. `file`, `extends` and warnings stay.
void MergeBottle(const PartialBottle& over, PartialBottle& base);

// The effective bottle of a merged one, with the agent's git user on top;
// `names` and `files` are left to the caller. The template is "claude" when
// nobody set one. Checks what no single file shows: a repository without url or
// key.path (MANIFEST_MISSING_KEY), without host_key
// (MANIFEST_HOST_KEY_MISSING), two names for one upstream
// (MANIFEST_DUPLICATE_UPSTREAM), a host with two addresses
// (MANIFEST_EXTRA_HOST_CONFLICT).
absl::StatusOr<BottleSpec> FinishBottle(const PartialBottle& merged,
                                        const PartialGitUser& agent_user);

// Manifest.digest, of agent and bottle: SHA-256 of JSON with sorted keys and no
// spaces. The order of env, routes, repos, skills and names counts, as it
// decides about the plan; the prompt is in it by its own SHA-256.
std::string ManifestDigest(const AgentSpec& agent, const BottleSpec& bottle);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_MERGE_H_
