#include "engine/ssh_dial.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/new_socket.h"
#include "platform/pipe.h"
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

std::string SshErrorText(std::string_view raw) {
  constexpr size_t kMost = 900;
  std::string text;
  while (!raw.empty()) {
    const size_t end = std::min(raw.find('\n'), raw.size());
    std::string_view line = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    constexpr std::string_view kFrame = "@ \r\t";
    const size_t first = line.find_first_not_of(kFrame);
    if (first == std::string_view::npos) {
      continue;
    }
    line = line.substr(first, line.find_last_not_of(kFrame) - first + 1);
    text += text.empty() ? "" : "; ";
    text += line;
  }
  return text.size() <= kMost ? text : "… " + text.substr(text.size() - kMost);
}

absl::StatusOr<std::unique_ptr<SshDial>> SshDial::Create(
    EngineAddress address, std::chrono::milliseconds connect_timeout) {
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor.
  std::unique_ptr<SshDial> dial(
      new SshDial(std::move(address), connect_timeout));
  RETURN_IF_ERROR(dial->Listen());
  return dial;
}

SshDial::~SshDial() { RemoveSocket(); }

std::string SshDial::socket_path() const { return dir_ + "/s"; }

absl::Status SshDial::Listen() {
  std::error_code error;
  std::string dir =
      (std::filesystem::temp_directory_path(error) / "bottled-ssh-XXXXXX")
          .string();
  // Mode 0700: nobody else can connect.
  if (error || ::mkdtemp(dir.data()) == nullptr) {
    return ErrnoError(error ? error.value() : errno, dir);
  }
  dir_ = dir;
  const std::string path = socket_path();
  const std::optional<UnixAddress> name = MakeUnixAddress(path);
  if (!name.has_value()) {
    return ErrnoError(ENAMETOOLONG, path);
  }
  listener_ = NewUnixSocket(SOCK_STREAM);
  if (!listener_.valid()) {
    return ErrnoError(errno, "socket");
  }
  // Launch() must not wait for a client that never came.
  RETURN_IF_ERROR(SetFlags(listener_.get(), true));
  if (::bind(listener_.get(), name->get(), name->length) != 0 ||
      ::listen(listener_.get(), 1) != 0) {
    return ErrnoError(errno, path);
  }
  return absl::OkStatus();
}

void SshDial::RemoveSocket() {
  listener_.Reset();
  if (!dir_.empty()) {
    ::unlink(socket_path().c_str());
    ::rmdir(dir_.c_str());
    dir_.clear();
  }
}

absl::Status SshDial::Launch() {
  const Fd theirs(::accept(listener_.get(), nullptr, nullptr));
  const int accept_errno = errno;
  RemoveSocket();
  if (!theirs.valid()) {
    return ErrnoError(accept_errno, "accept");
  }
  ASSIGN_OR_RETURN(Pipe errors, MakePipe());
  errors_ = std::move(errors.read);
  const Fd their_errors = std::move(errors.write);
  // ssh wants its standard streams to block, and BSDs pass the listener's
  // O_NONBLOCK on.
  if (::fcntl(theirs.get(), F_SETFL, 0) != 0) {
    return ErrnoError(errno, "fcntl");
  }
  RETURN_IF_ERROR(SetFlags(theirs.get(), false));
  RETURN_IF_ERROR(SetFlags(errors_.get(), true));

  ProcessSpec spec;
  spec.argv = SshArgv(address_,
                      std::max(std::chrono::seconds(1),
                               std::chrono::duration_cast<std::chrono::seconds>(
                                   connect_timeout_)));
  spec.env = SshEnvironment();
  spec.stdin_fd = theirs.get();
  spec.stdout_fd = theirs.get();
  spec.stderr_fd = their_errors.get();
  // Its own session, so that it finds no terminal to ask for a password on.
  spec.new_session = true;
  ASSIGN_OR_RETURN(Process process, Process::Start(spec));
  process_ = std::move(process);
  return absl::OkStatus();
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
