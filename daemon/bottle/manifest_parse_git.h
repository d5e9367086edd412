// The git parts of a manifest: `git-gate`, and the older `git`. Used by
// manifest_parse.cc alone; same thread-safety and reasons.

#ifndef BOTTLED_BOTTLE_MANIFEST_PARSE_GIT_H_
#define BOTTLED_BOTTLE_MANIFEST_PARSE_GIT_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bottle/manifest_node.h"
#include "bottle/manifest_parse.h"

namespace bottled {

// `git-gate` and `git` of a bottle. Both in one file is MANIFEST_LEGACY_KEY;
// the second alone gives the warning LEGACY_GIT.
absl::Status ParseBottleGit(const ManifestMap& root, std::string_view home,
                            PartialBottle& bottle);

// The same of an agent, which may set `user` and nothing else: other keys of
// bottles are MANIFEST_AGENT_KEY.
absl::Status ParseAgentGit(const ManifestMap& root, PartialAgent& agent);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_MANIFEST_PARSE_GIT_H_
