// Errors of the gates' renderers.

#ifndef BOTTLED_BOTTLE_GATE_ERRORS_H_
#define BOTTLED_BOTTLE_GATE_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"
#include "bottle/manifest.h"

namespace bottled {

// Reason GATE_UNRENDERABLE: `gate`'s config cannot express `value`, because
// `why`. `origin` may lack a file.
absl::Status GateUnrenderable(std::string_view gate, std::string_view value,
                              std::string_view why, const Origin& origin);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_GATE_ERRORS_H_
