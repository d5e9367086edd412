// Where the running program's own file is.

#ifndef BOTTLED_CLIENT_SELF_PATH_H_
#define BOTTLED_CLIENT_SELF_PATH_H_

#include <filesystem>

namespace bottled::client {

// The real path, without symbolic links; empty when the system does not tell.
std::filesystem::path SelfPath();

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_SELF_PATH_H_
