#include "platform/run_program.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/errors.h"
#include "platform/pipe.h"
#include "platform/process.h"

namespace bottled {
namespace {

using std::chrono::steady_clock;

// How often the end of the program is looked for, which nothing tells poll()
// of: while its outputs are open, and then.
constexpr int kOpenTickMs = 20;
constexpr int kClosedTickMs = 2;

// One output of the child.
struct Stream {
  Fd fd;
  std::string& text;
};

// True when bytes were added. Closes the stream at its end.
bool Take(Stream& stream) {
  std::array<char, 16 << 10> block{};
  const ssize_t got = ::read(stream.fd.get(), block.data(), block.size());
  if (got > 0) {
    stream.text.append(block.data(), static_cast<size_t>(got));
    return true;
  }
  if (got == 0 || errno != EINTR) {
    stream.fd.Reset();
  }
  return false;
}

// Waits for something to read, or for a tick. True when bytes were added.
absl::StatusOr<bool> Read(const RunSpec& spec, std::array<Stream, 2>& streams,
                          bool ended) {
  std::array<pollfd, 4> wait = {
      pollfd{streams[0].fd.get(), POLLIN, 0},
      pollfd{streams[1].fd.get(), POLLIN, 0},
      pollfd{spec.interrupt_fd, POLLIN, 0},
      pollfd{spec.cancel.fd(), POLLIN, 0},
  };
  const bool open = streams[0].fd.valid() || streams[1].fd.valid();
  const int tick_ms = open ? kOpenTickMs : kClosedTickMs;
  const int ready = ::poll(wait.data(), wait.size(), ended ? 0 : tick_ms);
  RETURN_IF_ERROR(spec.cancel.Check());
  if (wait[2].revents != 0) {
    return CancelledError();
  }
  bool took = false;
  for (size_t i = 0; ready > 0 && i < streams.size(); ++i) {
    if (wait.at(i).revents != 0) {
      took = Take(streams.at(i)) || took;
    }
  }
  return took;
}

}  // namespace

absl::StatusOr<ProgramOutput> RunProgram(const RunSpec& spec) {
  RETURN_IF_ERROR(spec.cancel.Check());
  const auto deadline = steady_clock::now() + spec.limit;
  ASSIGN_OR_RETURN(Pipe out, MakePipe());
  ASSIGN_OR_RETURN(Pipe err, MakePipe());
  ASSIGN_OR_RETURN(Process process,
                   Process::Start({.argv = spec.argv,
                                   .env = spec.env,
                                   .stdout_fd = out.write.get(),
                                   .stderr_fd = err.write.get(),
                                   .new_session = spec.new_session}));
  out.write.Reset();
  err.write.Reset();
  ProgramOutput output;
  std::array<Stream, 2> streams = {Stream{std::move(out.read), output.out},
                                   Stream{std::move(err.read), output.err}};
  while (true) {
    int status = 0;
    // Before the last read: all that it wrote itself is there then.
    const bool ended = process.TryWait(&status);
    ASSIGN_OR_RETURN(const bool took, Read(spec, streams, ended));
    if (std::max(output.out.size(), output.err.size()) > spec.max_bytes) {
      return ProgramTooLoudError(spec.max_bytes);
    }
    if (ended && !took) {
      output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      output.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      return output;
    }
    if (steady_clock::now() >= deadline) {
      return ProgramTooSlowError(spec.limit);
    }
  }
}

}  // namespace bottled
