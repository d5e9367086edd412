// bottlectl from its arguments to its exit code.

#ifndef BOTTLED_CLIENT_RUN_H_
#define BOTTLED_CLIENT_RUN_H_

#include <string>
#include <vector>

#include "platform/places.h"

namespace bottled::client {

// Writes to the process's standard output and stderr, and reads standard input
// for --archive -. `env` and `env_list` are the same environment, to look up
// and to hand on. Returns the exit code (exit_codes.h).
int Run(int argc, const char* const* argv, const GetEnv& env,
        const std::vector<std::string>& env_list);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_RUN_H_
