#include "client/starter.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "client/errors.h"
#include "client/log_file.h"
#include "client/self_path.h"
#include "fmt/format.h"
#include "platform/file.h"
#include "platform/find_program.h"
#include "platform/process.h"

namespace bottled::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kLockTimeout(15);
constexpr seconds kStartTimeout(10);
constexpr milliseconds kFirstPause(2);
constexpr milliseconds kLongestPause(50);
// EX_TEMPFAIL: another daemon has the state directory; perhaps it is ending.
constexpr int kAlreadyRunning = 75;
constexpr size_t kTailLines = 20;

// They speak of bottlectl's own service manager, not of the daemon's.
constexpr std::string_view kNotInherited[] = {
    "LISTEN_PID=",    "LISTEN_FDS=",   "LISTEN_FDNAMES=", "NOTIFY_SOCKET=",
    "WATCHDOG_USEC=", "WATCHDOG_PID=", "JOURNAL_STREAM=", "INVOCATION_ID="};

absl::StatusOr<Fd> TakeStartLock(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, "open " + path.native());
  }
  const auto deadline = steady_clock::now() + kLockTimeout;
  // Polled, because flock() with a timeout would need a signal.
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK && error != EINTR) {
      return ErrnoError(error, "lock " + path.native());
    }
    if (steady_clock::now() >= deadline) {
      return DaemonStartFailed(
          "another bottlectl has been starting it for "
          "longer than it may take",
          "Try again.", {});
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  return fd;
}

ProcessSpec MakeProcessSpec(const StartSpec& spec, std::string program,
                            int log_fd) {
  ProcessSpec process;
  process.argv = {std::move(program), "--socket", spec.places.socket.native()};
  if (!spec.given.state_dir.empty()) {
    process.argv.insert(process.argv.end(),
                        {"--state-dir", spec.places.state_dir.native()});
  }
  if (!spec.given.cache_dir.empty()) {
    process.argv.insert(process.argv.end(),
                        {"--cache-dir", spec.places.cache_dir.native()});
  }
  for (const std::string& entry : spec.env) {
    const bool drop = std::any_of(
        std::begin(kNotInherited), std::end(kNotInherited),
        [&entry](std::string_view name) { return entry.starts_with(name); });
    if (!drop && entry.find('=') != std::string::npos) {
      process.env.push_back(entry);
    }
  }
  process.stdout_fd = log_fd;
  process.stderr_fd = log_fd;
  process.new_session = true;
  return process;
}

std::string DescribeEnd(int status) {
  return WIFSIGNALED(status)
             ? fmt::format("it was ended by signal {}", WTERMSIG(status))
             : fmt::format("it exited with {}", WEXITSTATUS(status));
}

// Waits until the daemon that `process_spec` starts, or another one, answers.
absl::StatusOr<Connection> StartAndWait(const StartSpec& spec,
                                        const ProcessSpec& process_spec,
                                        const LogFile& log) {
  const std::string hint = fmt::format("See {}, or run {} yourself.",
                                       log.path.native(), process_spec.argv[0]);
  const auto deadline = steady_clock::now() + kStartTimeout;
  milliseconds pause = kFirstPause;
  std::optional<Process> process;
  while (true) {
    if (!process.has_value()) {
      ASSIGN_OR_RETURN(process, Process::Start(process_spec));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
    absl::StatusOr<Connection> connection = ConnectDaemon(spec.places.socket);
    if (connection.ok()) {
      process->Detach();
      return connection;
    }
    if (!HasReason(connection.status(), "DAEMON_NOT_RUNNING")) {
      return connection.status();
    }
    int status = 0;
    if (process->TryWait(&status)) {
      process.reset();
      if (!WIFEXITED(status) || WEXITSTATUS(status) != kAlreadyRunning) {
        return DaemonStartFailed(DescribeEnd(status), hint,
                                 LogTail(log, kTailLines));
      }
    }
    if (steady_clock::now() >= deadline) {
      if (process.has_value()) {
        // It may have much to recover.
        process->Detach();
      }
      return DaemonStartFailed(
          fmt::format("nobody listens on {} after {} s",
                      spec.places.socket.native(), kStartTimeout.count()),
          hint, LogTail(log, kTailLines));
    }
  }
}

}  // namespace

absl::StatusOr<std::string> FindDaemon(const std::vector<std::string>& env) {
  constexpr std::string_view kVariable = "BOTTLED_DAEMON=";
  for (const std::string& entry : env) {
    if (entry.starts_with(kVariable) && entry.size() > kVariable.size()) {
      return entry.substr(kVariable.size());
    }
  }
  const std::filesystem::path self = SelfPath();
  if (!self.empty()) {
    const std::filesystem::path beside = self.parent_path() / "bottled";
    if (::access(beside.c_str(), X_OK) == 0) {
      return beside.native();
    }
  }
  return FindProgram("bottled", env);
}

absl::StatusOr<Connection> StartDaemon(const StartSpec& spec) {
  ASSIGN_OR_RETURN(const std::string program, FindDaemon(spec.env));
  RETURN_IF_ERROR(EnsurePrivateDir(spec.places.state_dir, 0700));
  RETURN_IF_ERROR(EnsurePrivateDir(spec.places.log_dir(), 0700));
  ASSIGN_OR_RETURN(const Fd lock, TakeStartLock(spec.places.start_lock()));
  absl::StatusOr<Connection> connection = ConnectDaemon(spec.places.socket);
  if (connection.ok() ||
      !HasReason(connection.status(), "DAEMON_NOT_RUNNING")) {
    return connection;
  }
  ASSIGN_OR_RETURN(const LogFile log, OpenLogFile(spec.places.daemon_log()));
  return StartAndWait(spec, MakeProcessSpec(spec, program, log.fd.get()), log);
}

}  // namespace bottled::client
