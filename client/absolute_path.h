// The daemon has another current directory: paths go to it in full.

#ifndef BOTTLED_CLIENT_ABSOLUTE_PATH_H_
#define BOTTLED_CLIENT_ABSOLUTE_PATH_H_

#include <string>

#include "absl/status/statusor.h"

namespace bottled::client {

// `path`, absolute and lexically normal; it need not exist. READ_FAILED when
// there is no current directory.
absl::StatusOr<std::string> AbsolutePath(const std::string& path);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_ABSOLUTE_PATH_H_
