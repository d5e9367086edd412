// The errors of putting an artifact together, beside those of pack/errors.h.
// Each function makes one; see base/error.h. Thread-safe.

#ifndef BOTTLED_PACK_ASSEMBLY_ERRORS_H_
#define BOTTLED_PACK_ASSEMBLY_ERRORS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace bottled {

// OUT_OF_MEMORY, code RESOURCE_EXHAUSTED; `what` completes "no memory to".
absl::Status OutOfMemoryError(std::string_view what);

// SPOOL_DAMAGED, code DATA_LOSS: what was written to the stage directory came
// back as something else.
absl::Status SpoolDamagedError();

// IMAGE_TOO_LARGE: the flattened layer's tar has `bytes`.
absl::Status LayerTooLargeError(int64_t bytes, int64_t max_bytes);

// PACK_INCONSISTENT, code INTERNAL: layers, plan and frames do not agree. A
// fault of this program, never of the image.
absl::Status InconsistentPlanError(std::string_view what);

}  // namespace bottled

#endif  // BOTTLED_PACK_ASSEMBLY_ERRORS_H_
