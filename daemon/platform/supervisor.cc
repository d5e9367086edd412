#include "platform/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <vector>

#include "platform/descendants.h"
#include "platform/spawn_signals.h"

extern char** environ;

namespace bottled {
namespace {

using std::chrono::steady_clock;

constexpr int kCannotStart = 127;
// Killing goes on while there are children, and looks again so often.
constexpr std::chrono::milliseconds kKillPause(5);
// A thread that some library made may take our signals away, so that waiting
// has an end.
constexpr std::chrono::nanoseconds kLookAgain = std::chrono::milliseconds(200);

volatile sig_atomic_t kill_now = 0;

void OnSignal(int signal) {
  if (signal == SIGUSR1) {
    kill_now = 1;
  }
}

void SignalAll(int signal) {
  for (const pid_t pid : Descendants(::getpid())) {
    ::kill(pid, signal);
  }
}

class Supervisor {
 public:
  explicit Supervisor(pid_t program) : program_(program) {}

  // Until the program and all that it started are gone.
  int Run();

 private:
  // Waits for the end of a child or of the lifeline, or for a signal.
  void Wait();
  void OnLifelineEnd();
  void Reap();

  const pid_t program_;
  std::optional<int> status_;  // of the program
  bool childless_ = false;
  bool lifeline_ = true;  // we still look at it
  // Set: everything gets SIGKILL from then on.
  std::optional<steady_clock::time_point> kill_at_;
};

void Supervisor::Wait() {
  sigset_t none;
  sigemptyset(&none);
  fd_set fds;
  FD_ZERO(&fds);
  if (lifeline_) {
    FD_SET(kLifelineFd, &fds);
  }
  const auto pause =
      kill_at_.has_value()
          ? std::clamp<std::chrono::nanoseconds>(
                *kill_at_ - steady_clock::now(), kKillPause, kLookAgain)
          : kLookAgain;
  timespec limit = {};
  limit.tv_nsec = std::chrono::nanoseconds(pause).count();
  // Signals are blocked but in here, so that no end of a child is missed.
  if (::pselect(kLifelineFd + 1, &fds, nullptr, nullptr, &limit, &none) > 0) {
    OnLifelineEnd();
  }
  if (kill_now != 0) {
    kill_at_ = steady_clock::now();
  }
}

void Supervisor::OnLifelineEnd() {
  lifeline_ = false;
  SignalAll(SIGTERM);
  // A stopped process sees SIGTERM only when it runs again.
  SignalAll(SIGCONT);
  kill_at_ = steady_clock::now() + kSuperviseGrace;
}

void Supervisor::Reap() {
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) {
      continue;
    }
    childless_ = pid < 0;
    if (pid <= 0) {
      return;
    }
    if (pid == program_) {
      status_ = status;
      // What it leaves behind has no reason to run on.
      kill_at_ = steady_clock::now();
    }
  }
}

int Supervisor::Run() {
  for (Reap(); !childless_; Reap()) {
    if (kill_at_.has_value() && steady_clock::now() >= *kill_at_) {
      SignalAll(SIGKILL);
    }
    Wait();
  }
  return status_.value_or(kCannotStart << 8);
}

// Starts it in our process group. Returns -1 with errno.
pid_t StartProgram(const char* program, const char* const* argv,
                   char* const* env) {
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, ResetSignalsInChild(&attributes));
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program, nullptr, &attributes,
                                  const_cast<char* const*>(argv), env);
  ::posix_spawnattr_destroy(&attributes);
  errno = error;
  return error == 0 ? pid : -1;
}

// Our copies would keep the pipes of the program open.
void DropStandardStreams() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) {
    ::dup2(null, fd);
  }
}

// The group's signals are for the program. The others wait for Wait().
void SetSignals() {
  struct sigaction action = {};
  action.sa_handler = SIG_IGN;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) {
    ::sigaction(signal, &action, nullptr);
  }
  sigset_t ours;
  sigemptyset(&ours);
  action.sa_handler = OnSignal;
  for (const int signal : {SIGCHLD, SIGUSR1}) {
    sigaddset(&ours, signal);
    ::sigaction(signal, &action, nullptr);
  }
  ::sigprocmask(SIG_BLOCK, &ours, nullptr);
}

void EndBySignal(int signal) {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  ::raise(signal);
}

}  // namespace

bool IsSupervisor(int argc, const char* const* argv) {
  return argc >= 4 && (std::strcmp(argv[1], kSuperviseFlag) == 0 ||
                       std::strcmp(argv[1], kSupervisePublicFlag) == 0);
}

int Supervise(int /*argc*/, const char* const* argv) {
  if (std::strcmp(argv[1], kSupervisePublicFlag) == 0) {
    ::umask(0022);
  }
  SetSignals();
  AdoptOrphans();
  ::fcntl(kLifelineFd, F_SETFD, FD_CLOEXEC);
  const pid_t program = StartProgram(argv[2], argv + 3, environ);
  if (program < 0) {
    std::perror(argv[2]);
    return kCannotStart;
  }
  DropStandardStreams();
  const int status = Supervisor(program).Run();
  if (WIFSIGNALED(status)) {
    EndBySignal(WTERMSIG(status));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kCannotStart;
}

}  // namespace bottled
