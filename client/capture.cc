#include "client/capture.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "client/errors.h"
#include "fmt/format.h"
#include "platform/run_program.h"

namespace bottled::client {

absl::StatusOr<std::string> CaptureOutput(const CaptureSpec& spec) {
  RunSpec run{.argv = spec.argv,
              .env = {},
              .limit = spec.timeout,
              .max_bytes = spec.max_bytes,
              .interrupt_fd = spec.interrupt_fd};
  std::copy_if(spec.env.begin(), spec.env.end(), std::back_inserter(run.env),
               [](const std::string& entry) {
                 return entry.find('=') != std::string::npos;
               });
  const auto failed = [&spec](std::string_view why) {
    return CaptureFailed(spec.argv[0], why);
  };
  absl::StatusOr<ProgramOutput> output = RunProgram(run);
  if (HasReason(output.status(), "PROGRAM_TOO_SLOW") ||
      HasReason(output.status(), "PROGRAM_TOO_LOUD")) {
    return failed(std::string(output.status().message()));
  }
  if (!output.ok()) {
    return output.status();
  }
  if (output->signal != 0) {
    return failed(fmt::format("it was ended by signal {}", output->signal));
  }
  if (output->exit_code != 0) {
    return failed(fmt::format("it exited with {}", output->exit_code));
  }
  return std::move(output->out);
}

}  // namespace bottled::client
