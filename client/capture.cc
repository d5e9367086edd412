#include "client/capture.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "client/errors.h"
#include "fmt/format.h"
#include "platform/pipe.h"
#include "platform/process.h"

namespace bottled::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How often its end is looked for: a child of its own may keep the pipe open.
constexpr milliseconds kTick(20);
constexpr size_t kPiece = 64 << 10;

// Waits until `fd` is readable (true) or a tick is over (false).
absl::StatusOr<bool> Wait(int fd, int interrupt_fd) {
  std::array<pollfd, 2> fds = {{
      {.fd = fd, .events = POLLIN, .revents = 0},
      {.fd = interrupt_fd, .events = POLLIN, .revents = 0},
  }};
  ::poll(fds.data(), fds.size(), static_cast<int>(kTick.count()));
  if (fds[1].revents != 0) {
    return CancelledError();
  }
  return fds[0].revents != 0;
}

// Reads once; false at the end.
absl::StatusOr<bool> ReadPiece(int fd, std::string& out) {
  std::string piece(kPiece, '\0');
  const ssize_t got = ::read(fd, piece.data(), piece.size());
  if (got < 0 && errno != EINTR) {
    return ReadFailed(errno, "a program's output");
  }
  out.append(piece, 0, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return got != 0;
}

}  // namespace

absl::StatusOr<std::string> CaptureOutput(const CaptureSpec& spec) {
  const auto deadline = steady_clock::now() + spec.timeout;
  ProcessSpec process_spec;
  process_spec.argv = spec.argv;
  std::copy_if(spec.env.begin(), spec.env.end(),
               std::back_inserter(process_spec.env),
               [](const std::string& entry) {
                 return entry.find('=') != std::string::npos;
               });
  ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  process_spec.stdout_fd = pipe.write.get();
  ASSIGN_OR_RETURN(Process process, Process::Start(process_spec));
  pipe.write.Reset();

  const auto failed = [&spec](std::string_view why) {
    return CaptureFailed(spec.argv[0], why);
  };
  std::string out;
  int status = 0;
  for (bool open = true, ended = false; open || !ended;) {
    ASSIGN_OR_RETURN(const bool readable,
                     Wait(open ? pipe.read.get() : -1, spec.interrupt_fd));
    if (readable) {
      ASSIGN_OR_RETURN(open, ReadPiece(pipe.read.get(), out));
    } else if (ended) {
      // All that it wrote itself has been read.
      open = false;
    }
    ended = ended || process.TryWait(&status);
    if (out.size() > spec.max_bytes) {
      return failed(
          fmt::format("it prints more than {}",
                      FormatBytes(static_cast<int64_t>(spec.max_bytes))));
    }
    if (steady_clock::now() >= deadline) {
      return failed(fmt::format("it takes longer than {} s",
                                spec.timeout.count() / 1000));
    }
  }
  if (WIFSIGNALED(status)) {
    return failed(fmt::format("it was ended by signal {}", WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    return failed(fmt::format("it exited with {}", WEXITSTATUS(status)));
  }
  return out;
}

}  // namespace bottled::client
