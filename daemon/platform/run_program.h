// RunProgram: what a short program prints, with bounds on its time and output.

#ifndef BOTTLED_PLATFORM_RUN_PROGRAM_H_
#define BOTTLED_PLATFORM_RUN_PROGRAM_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"

namespace bottled {

struct RunSpec {
  // As in ProcessSpec.
  std::vector<std::string> argv;
  std::vector<std::string> env;
  bool new_session = false;
  std::chrono::milliseconds limit{0};
  // Of each of the two outputs.
  size_t max_bytes = 0;
  CancelToken cancel = {};
  // Readable = stop; -1 = never.
  int interrupt_fd = -1;
};

struct ProgramOutput {
  std::string out;
  std::string err;
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
};

// Runs it to its end; it and its group are gone on return. What its own
// children keep open is not waited for. Reasons: those of Process::Start();
// CANCELLED; PROGRAM_TOO_SLOW and PROGRAM_TOO_LOUD, whose messages go on after
// "the program failed: ". Blocks. Thread-safe.
absl::StatusOr<ProgramOutput> RunProgram(const RunSpec& spec);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_RUN_PROGRAM_H_
