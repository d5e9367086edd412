// A command line as text that can be run.

#ifndef BOTTLED_CLIENT_ARGV_TEXT_H_
#define BOTTLED_CLIENT_ARGV_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace bottled::client {

// `word` as every POSIX shell reads it back: in single quotes when anything in
// it could mean something. Pure.
std::string QuoteForShell(std::string_view word);

// Quoted words with spaces between, and a newline. Pure.
std::string ShellLine(const std::vector<std::string>& argv);

// Each word with a NUL byte behind it, for `xargs -0`. Pure.
std::string NulWords(const std::vector<std::string>& argv);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_ARGV_TEXT_H_
