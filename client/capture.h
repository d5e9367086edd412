// Capture: a program's standard output as a string, with bounds on both.

#ifndef BOTTLED_CLIENT_CAPTURE_H_
#define BOTTLED_CLIENT_CAPTURE_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bottled::client {

struct CaptureSpec {
  // The program is looked up in the PATH of `env`.
  std::vector<std::string> argv;
  // Malformed entries are left out.
  std::vector<std::string> env;
  std::chrono::milliseconds timeout{0};
  size_t max_bytes = 0;
  // Readable = stop; -1 = never.
  int interrupt_fd = -1;
};

// Runs it to its end; its standard error is dropped. Errors: PROGRAM_NOT_FOUND;
// CANCELLED; CAPTURE_FAILED when it takes too long, prints too much or does not
// exit with 0. It is gone, with its group, on return. Blocks.
absl::StatusOr<std::string> CaptureOutput(const CaptureSpec& spec);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_CAPTURE_H_
