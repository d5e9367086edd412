#include "engine/ssh_dial.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/places.h"

namespace bottled {
namespace {

constexpr size_t kMaxErrorOutput = 4096;

// What ssh and its helpers read; nothing else leaves this process.
constexpr std::array kPassedOn = {"PATH",          "HOME",       "USER",
                                  "LOGNAME",       "LANG",       "LC_ALL",
                                  "SSH_AUTH_SOCK", "KRB5CCNAME", "TMPDIR"};

std::vector<std::string> SshEnvironment() {
  std::vector<std::string> env;
  const GetEnv get = ProcessEnv();
  for (const char* name : kPassedOn) {
    if (const std::optional<std::string> value = get(name)) {
      env.push_back(std::string(name) + "=" + *value);
    }
  }
  return env;
}

absl::Status SetFlags(int fd, bool nonblocking) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      (nonblocking && ::fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
    return ErrnoError(errno, "fcntl");
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> SshArgv(const EngineAddress& address,
                                 std::chrono::seconds connect_timeout) {
  std::vector<std::string> argv = {
      "ssh",
      "-o",
      "BatchMode=yes",
      "-o",
      "ConnectTimeout=" + std::to_string(connect_timeout.count()),
      "-T"};
  if (!address.user.empty()) {
    argv.insert(argv.end(), {"-l", address.user});
  }
  if (address.port != 0) {
    argv.insert(argv.end(), {"-p", std::to_string(address.port)});
  }
  argv.insert(argv.end(),
              {"--", address.host, "docker", "system", "dial-stdio"});
  return argv;
}

absl::StatusOr<SshDial> SshDial::Start(const EngineAddress& address,
                                       std::chrono::milliseconds timeout) {
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()) != 0) {
    return ErrnoError(errno, "socketpair");
  }
  Fd ours(sockets[0]);
  const Fd theirs(sockets[1]);
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) {
    return ErrnoError(errno, "pipe");
  }
  Fd errors(pipe[0]);
  const Fd their_errors(pipe[1]);
  RETURN_IF_ERROR(SetFlags(ours.get(), true));
  RETURN_IF_ERROR(SetFlags(theirs.get(), false));
  RETURN_IF_ERROR(SetFlags(errors.get(), true));
  RETURN_IF_ERROR(SetFlags(their_errors.get(), false));

  ProcessSpec spec;
  spec.argv = SshArgv(
      address,
      std::max(std::chrono::seconds(1),
               std::chrono::duration_cast<std::chrono::seconds>(timeout)));
  spec.env = SshEnvironment();
  spec.stdin_fd = theirs.get();
  spec.stdout_fd = theirs.get();
  spec.stderr_fd = their_errors.get();
  // Its own session, so that it finds no terminal to ask for a password on.
  spec.new_session = true;
  ASSIGN_OR_RETURN(Process process, Process::Start(spec));
  return SshDial(std::move(process), std::move(ours), std::move(errors));
}

std::string SshDial::ErrorOutput() {
  std::string text;
  std::array<char, 1024> block{};
  while (errors_.valid() && text.size() < kMaxErrorOutput) {
    const ssize_t got = ::read(errors_.get(), block.data(), block.size());
    if (got <= 0) {
      break;
    }
    text.append(block.data(), static_cast<size_t>(got));
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
    text.pop_back();
  }
  return text;
}

}  // namespace bottled
