// Child processes: started without a shell, in a group of their own, ended for
// certain.

#ifndef BOTTLED_PLATFORM_PROCESS_H_
#define BOTTLED_PLATFORM_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "platform/fd.h"

namespace bottled {

struct ProcessSpec {
  // Program and arguments. The program is looked up in `PATH` of `env` when it
  // has no slash.
  std::vector<std::string> argv;
  // The whole environment, "NAME=value". Nothing is inherited. A malformed
  // entry, or a NUL byte anywhere, is an error (reason BAD_COMMAND).
  std::vector<std::string> env;
  // Descriptors for 0, 1 and 2; -1 = /dev/null. Not taken over. All other
  // descriptors are closed in the child.
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  // True: setsid(), so that no terminal signal reaches it. Else setpgid().
  bool new_session = false;
  // Absolute; where it runs. Empty: where we do.
  std::string working_dir = {};
  // OwnExecutable(): between it and us is a supervisor (supervisor.h), so that
  // it and all that it starts end with it or with us. Empty: none.
  std::string supervisor = {};
  // What it makes may be read by everybody (umask 022), for programs that have
  // helpers under another user. Only with a supervisor; without one, and else,
  // it has our umask.
  bool public_files = false;
};

// A running child. Destruction kills its group, or everything below its
// supervisor, and reaps it. Not thread-safe.
class Process {
 public:
  // Reason PROGRAM_NOT_FOUND when there is no such program.
  static absl::StatusOr<Process> Start(const ProcessSpec& spec);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }

  // Kills the group: SIGTERM, then SIGKILL when the leader has ended or `grace`
  // is over; with no grace SIGKILL at once. The leader is reaped last, so that
  // the group's number cannot be reused meanwhile. Blocks until then. Does
  // nothing the second time.
  void Stop(std::chrono::milliseconds grace);

  // True and the status, as of waitpid(2), once the leader has ended; never
  // blocks. The leader stays a zombie until Stop() or destruction, so that its
  // group can still be killed.
  bool TryWait(int* wait_status);

  // Lets it run on without us. It must have its own session.
  void Detach() { pid_ = -1; }

 private:
  Process(pid_t pid, Fd lifeline) : pid_(pid), lifeline_(std::move(lifeline)) {}

  // Waits until the leader has ended, or until `deadline`.
  void WaitUntil(std::chrono::steady_clock::time_point deadline);

  // True when the leader has ended; sets wait_status_, does not reap.
  bool Peek();

  // -1 once reaped or detached.
  pid_t pid_ = -1;
  // Of a supervisor.
  Fd lifeline_;
  std::optional<int> wait_status_;
};

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_PROCESS_H_
