// Finding a program in the PATH of a given environment.

#ifndef BOTTLED_PLATFORM_FIND_PROGRAM_H_
#define BOTTLED_PLATFORM_FIND_PROGRAM_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bottled {

// A name with a slash as it is, else the first executable regular file of that
// name in `PATH` of `env` ("NAME=value" strings). Relative and empty parts of
// PATH are skipped: they would depend on the current directory. Reason
// PROGRAM_NOT_FOUND. Blocks on the disk; thread-safe.
absl::StatusOr<std::string> FindProgram(std::string_view name,
                                        const std::vector<std::string>& env);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_FIND_PROGRAM_H_
