#include "platform/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/errors.h"
#include "platform/find_program.h"
#include "platform/pipe.h"
#include "platform/spawn_close.h"
#include "platform/spawn_signals.h"
#include "platform/supervisor.h"

namespace bottled {
namespace {

// A supervisor that takes longer hangs.
constexpr std::chrono::seconds kSupervisorLimit(30);

// What the child is told to do before it runs the program.
class SpawnSettings {
 public:
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // `lifeline` becomes descriptor 3 unless it is -1. Returns an errno value.
  int Prepare(const ProcessSpec& spec, int lifeline) {
    const std::array<int, 4> fds = {spec.stdin_fd, spec.stdout_fd,
                                    spec.stderr_fd, lifeline};
    const int count = lifeline < 0 ? 3 : 4;
    if (!spec.working_dir.empty()) {
      // glibc 2.29, macOS 10.15.
      if (const int error = ::posix_spawn_file_actions_addchdir_np(
              &actions_, spec.working_dir.c_str());
          error != 0) {
        return error;
      }
    }
    for (int target = 0; target < count; ++target) {
      if (const int error = Redirect(fds[static_cast<size_t>(target)], target);
          error != 0) {
        return error;
      }
    }
    short flags = ResetSignalsInChild(&attributes_);
    flags =
        static_cast<short>(flags | (spec.new_session ? POSIX_SPAWN_SETSID
                                                     : POSIX_SPAWN_SETPGROUP));
    if (const int error = CloseOthersInChild(count, &actions_, &flags);
        error != 0) {
      return error;
    }
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    return ::posix_spawnattr_setflags(&attributes_, flags);
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  int Redirect(int fd, int target) {
    if (fd < 0) {
      return ::posix_spawn_file_actions_addopen(
          &actions_, target, "/dev/null", target == 0 ? O_RDONLY : O_WRONLY, 0);
    }
    if (fd <= kLifelineFd) {
      // An earlier action may overwrite it, and dup2() onto itself would keep
      // close-on-exec.
      Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, kLifelineFd + 1));
      if (!copy.valid()) {
        return errno;
      }
      fd = copy.get();
      copies_[static_cast<size_t>(target)] = std::move(copy);
    }
    return ::posix_spawn_file_actions_adddup2(&actions_, fd, target);
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  std::array<Fd, 4> copies_;
};

bool HasNul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

absl::Status CheckSpec(const ProcessSpec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty()) {
    return BadCommandError("no program is named");
  }
  if (std::any_of(spec.argv.begin(), spec.argv.end(), HasNul)) {
    return BadCommandError("an argument contains a NUL byte");
  }
  // Their content may be secret and stays out of the message.
  for (const std::string& entry : spec.env) {
    if (HasNul(entry) || entry.find('=') == std::string::npos) {
      return BadCommandError("an environment variable is malformed");
    }
  }
  const std::string& dir = spec.working_dir;
  if (!dir.empty() && (!dir.starts_with('/') || HasNul(dir))) {
    return BadCommandError("the working directory is no absolute path");
  }
  return absl::OkStatus();
}

// posix_spawn() does not say which of the two paths it means.
bool MayWorkIn(const std::string& dir) {
  return dir.empty() || ::access((dir + "/.").c_str(), X_OK) == 0;
}

// posix_spawn() takes pointers to non-const, but does not write.
std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) {
    pointers.push_back(const_cast<char*>(text.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

// As waitpid() encodes it, on Linux and macOS alike.
int EncodeStatus(const siginfo_t& info) {
  switch (info.si_code) {
    case CLD_EXITED:
      return (info.si_status & 0xff) << 8;
    case CLD_DUMPED:
      return (info.si_status & 0x7f) | 0x80;
    default:
      return info.si_status & 0x7f;
  }
}

}  // namespace

absl::StatusOr<Process> Process::Start(const ProcessSpec& spec) {
  RETURN_IF_ERROR(CheckSpec(spec));
  ASSIGN_OR_RETURN(const std::string program,
                   FindProgram(spec.argv[0], spec.env));
  Pipe lifeline;
  std::vector<std::string> words = spec.argv;
  std::string executable = program;
  if (!spec.supervisor.empty()) {
    ASSIGN_OR_RETURN(lifeline, MakePipe());
    executable = spec.supervisor;
    words.insert(
        words.begin(),
        {"bottled", spec.public_files ? kSupervisePublicFlag : kSuperviseFlag,
         program});
  }
  SpawnSettings settings;
  if (const int error = settings.Prepare(spec, lifeline.read.get());
      error != 0) {
    return ErrnoError(error, "start " + program);
  }
  const std::vector<char*> argv = Pointers(words);
  const std::vector<char*> env = Pointers(spec.env);
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, executable.c_str(), settings.actions(),
                    settings.attributes(), argv.data(), env.data());
  if (error != 0 && !MayWorkIn(spec.working_dir)) {
    return ErrnoError(errno, "work in " + spec.working_dir);
  }
  if (error == ENOENT || error == ENOTDIR) {
    return ProgramNotFoundError(program);
  }
  if (error != 0) {
    return ErrnoError(error, "start " + program);
  }
  return Process(pid, std::move(lifeline.write));
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      lifeline_(std::move(other.lifeline_)),
      wait_status_(std::exchange(other.wait_status_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    Stop(std::chrono::milliseconds(0));
    pid_ = std::exchange(other.pid_, -1);
    lifeline_ = std::move(other.lifeline_);
    wait_status_ = std::exchange(other.wait_status_, std::nullopt);
  }
  return *this;
}

Process::~Process() { Stop(std::chrono::milliseconds(0)); }

bool Process::Peek() {
  if (wait_status_.has_value()) {
    return true;
  }
  siginfo_t info = {};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info,
                  WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno != EINTR) {
      // Somebody else reaped it: the number is no longer ours to signal.
      pid_ = -1;
      wait_status_ = 255 << 8;
      return true;
    }
  }
  if (info.si_pid != pid_) {
    return false;
  }
  wait_status_ = EncodeStatus(info);
  return true;
}

bool Process::TryWait(int* wait_status) {
  if (pid_ < 0 && !wait_status_.has_value()) {
    return false;
  }
  if (!Peek()) {
    return false;
  }
  *wait_status = *wait_status_;
  return true;
}

void Process::WaitUntil(std::chrono::steady_clock::time_point deadline) {
  // Polled, as a pidfd is Linux' alone and this is not a hot path.
  std::chrono::milliseconds pause(1);
  while (!Peek() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(20));
  }
}

void Process::Stop(std::chrono::milliseconds grace) {
  if (pid_ < 0) {
    return;
  }
  if (!Peek() && grace.count() > 0) {
    ::kill(-pid_, SIGTERM);
    // A stopped process sees SIGTERM only when it runs again.
    ::kill(-pid_, SIGCONT);
    WaitUntil(std::chrono::steady_clock::now() + grace);
  }
  if (lifeline_.valid() && !Peek()) {
    // The supervisor knows more than the group: it kills all, then it ends.
    ::kill(pid_, SIGUSR1);
    WaitUntil(std::chrono::steady_clock::now() + kSupervisorLimit);
  }
  if (pid_ < 0) {
    return;
  }
  // Also when the leader is gone: its children may still hold our pipes.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  pid_t reaped = -1;
  do {
    reaped = ::waitpid(pid_, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  wait_status_ = reaped == pid_ ? status : 255 << 8;
  pid_ = -1;
}

}  // namespace bottled
