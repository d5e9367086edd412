// The commands and flags of bottlectl, in CLI11's terms; options.cc hides them.

#ifndef BOTTLED_CLIENT_COMMAND_LINE_H_
#define BOTTLED_CLIENT_COMMAND_LINE_H_

#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "client/options.h"

namespace bottled::client {

// Parsing it fills `options`, and `help_path` for "help COMMAND"; both must
// outlive it.
std::unique_ptr<CLI::App> MakeCommandLine(Options& options,
                                          std::vector<std::string>& help_path);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_COMMAND_LINE_H_
