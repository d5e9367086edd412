// Reads a command line, for tests.

#ifndef BOTTLED_TESTS_CLIENT_PARSE_OPTIONS_H_
#define BOTTLED_TESTS_CLIENT_PARSE_OPTIONS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "client/options.h"
#include "gtest/gtest.h"

namespace bottled::client {

// `arguments` come after the program's name.
inline absl::StatusOr<ParsedOptions> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "bottlectl");
  return ParseOptions(static_cast<int>(arguments.size()), arguments.data());
}

// Fails the test when they make no sense.
inline Options Good(const std::vector<const char*>& arguments) {
  const absl::StatusOr<ParsedOptions> parsed = Parse(arguments);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? parsed->options : Options();
}

}  // namespace bottled::client

#endif  // BOTTLED_TESTS_CLIENT_PARSE_OPTIONS_H_
