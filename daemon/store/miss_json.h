// Miss as JSON: a column of the job's row. Pure, so thread-safe.

#ifndef BOTTLED_STORE_MISS_JSON_H_
#define BOTTLED_STORE_MISS_JSON_H_

#include <string>
#include <string_view>

#include "store/records.h"

namespace bottled {

std::string EncodeMiss(const Miss& miss);

// The inverse; what has another form is left out.
Miss DecodeMiss(std::string_view json);

}  // namespace bottled

#endif  // BOTTLED_STORE_MISS_JSON_H_
