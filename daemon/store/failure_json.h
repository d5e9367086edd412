// A job's failure as the JSON text of its row.

#ifndef BOTTLED_STORE_FAILURE_JSON_H_
#define BOTTLED_STORE_FAILURE_JSON_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace bottled {

// {"code","reason","message","remedy","stage","log_tail"} of a status that is
// not OK.
std::string EncodeFailure(const absl::Status& status);

// The inverse. Text that is not such JSON gives INTERNAL, reason
// FAILURE_UNKNOWN; never OK.
absl::Status DecodeFailure(std::string_view json);

}  // namespace bottled

#endif  // BOTTLED_STORE_FAILURE_JSON_H_
