// The errors that merging layers can end in. Private to the merge.

#ifndef BOTTLED_IMAGE_MERGE_ERRORS_H_
#define BOTTLED_IMAGE_MERGE_ERRORS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace bottled {

// Reason LAYER_INVALID: no engine could unpack these layers. `what` completes
// "the image's layers cannot be merged: …".
absl::Status UnmergeableError(std::string_view what);

// Reason IMAGE_TOO_LARGE: the tree has more than `max_entries` names.
absl::Status TreeTooLargeError(int64_t max_entries);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_MERGE_ERRORS_H_
