// Completion scripts for shells, from CLI11's tree of commands.

#ifndef BOTTLED_CLIENT_COMPLETION_H_
#define BOTTLED_CLIENT_COMPLETION_H_

#include <string>
#include <string_view>

#include "CLI/App.hpp"

namespace bottled::client {

// The script for "bash", "zsh" or "fish". Pure.
std::string FormatCompletion(std::string_view shell, const CLI::App& app);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_COMPLETION_H_
