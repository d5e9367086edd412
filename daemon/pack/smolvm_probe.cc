#include "pack/smolvm_probe.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "pack/errors.h"
#include "platform/pipe.h"
#include "platform/process.h"

namespace bottled {
namespace {

constexpr size_t kMaxOutput = 64 << 10;
constexpr size_t kMaxVersion = 64;
constexpr size_t kMaxQuoted = 200;
// What clap, argparse and click alike end with when they do not know a command
// or an option.
constexpr int kUsageError = 2;
// From here on a shell's own troubles, and signals, begin.
constexpr int kShellErrors = 126;

struct Ran {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string out;
  std::string err;
};

std::string FirstLine(std::string_view text) {
  return Printable(text.substr(0, text.find_first_of("\r\n")), kMaxQuoted);
}

// The last line that says something: what a failing program complains of.
std::string LastLine(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) {
    return "";
  }
  text = text.substr(0, end + 1);
  const size_t begin = text.find_last_of('\n');
  return Printable(
      begin == std::string_view::npos ? text : text.substr(begin + 1),
      kMaxQuoted);
}

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

absl::Status CannotStart(const std::string& path, const absl::Status& why) {
  if (HasReason(why, "TOO_MANY_FILES")) {
    return why;
  }
  return SmolvmUnusableError(path, HasReason(why, "PROGRAM_NOT_FOUND")
                                       ? "its interpreter or loader is missing"
                                       : std::string(why.message()));
}

// Collects what a child writes until it ends. Reading goes on while there is
// something, but what its own children keep open is not waited for.
absl::StatusOr<Ran> Collect(const std::string& path, Process& child,
                            std::array<Fd, 2> fds,
                            std::chrono::milliseconds limit,
                            const CancelToken& cancel) {
  using std::chrono::steady_clock;
  Ran ran;
  std::array<Stream, 2> streams = {Stream{std::move(fds[0]), ran.out},
                                   Stream{std::move(fds[1]), ran.err}};
  const auto deadline = steady_clock::now() + limit;
  while (true) {
    RETURN_IF_ERROR(cancel.Check());
    int status = 0;
    const bool ended = child.TryWait(&status);
    std::array<pollfd, 3> wait = {
        pollfd{streams[0].fd.get(), POLLIN, 0},
        pollfd{streams[1].fd.get(), POLLIN, 0},
        pollfd{cancel.fd(), POLLIN, 0},
    };
    // With both ends closed only the end of the process is left to wait for,
    // which nothing tells poll() of.
    const bool open = streams[0].fd.valid() || streams[1].fd.valid();
    const int timeout_ms = open ? 50 : 2;
    const int ready = ::poll(wait.data(), wait.size(), ended ? 0 : timeout_ms);
    bool took = false;
    for (size_t i = 0; ready > 0 && i < streams.size(); ++i) {
      if (wait.at(i).revents != 0) {
        took = Take(streams.at(i)) || took;
      }
    }
    if (std::max(ran.out.size(), ran.err.size()) > kMaxOutput) {
      return SmolvmUnusableError(path, "it prints more than 64 KiB of help");
    }
    if (ended && !took) {
      ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      ran.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      return ran;
    }
    if (steady_clock::now() >= deadline) {
      return SmolvmUnusableError(
          path, fmt::format("it does not answer within {} ms", limit.count()));
    }
  }
}

absl::StatusOr<Ran> Run(const std::string& path,
                        const std::vector<std::string>& arguments,
                        const std::vector<std::string>& env,
                        std::chrono::milliseconds limit,
                        const CancelToken& cancel) {
  RETURN_IF_ERROR(cancel.Check());
  ASSIGN_OR_RETURN(Pipe out, MakePipe());
  ASSIGN_OR_RETURN(Pipe err, MakePipe());
  ProcessSpec spec;
  spec.argv = {path};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.env = env;
  spec.stdout_fd = out.write.get();
  spec.stderr_fd = err.write.get();
  // No terminal for it to ask on.
  spec.new_session = true;
  absl::StatusOr<Process> child = Process::Start(spec);
  if (!child.ok()) {
    return CannotStart(path, child.status());
  }
  out.write.Reset();
  err.write.Reset();
  return Collect(path, *child, {std::move(out.read), std::move(err.read)},
                 limit, cancel);
}

std::string HowItEnded(const std::string& command, const Ran& ran) {
  std::string text =
      ran.exit_code >= 0
          ? fmt::format("{} ended with {}", command, ran.exit_code)
          : fmt::format("{} was ended by signal {}", command, ran.signal);
  const std::string line = LastLine(ran.err.empty() ? ran.out : ran.err);
  if (!line.empty()) {
    text += ": " + line;
  }
  return text;
}

bool ReadNumber(std::string_view& text, int& number) {
  constexpr int kMaxNumber = 999'999;
  const char* const end = text.data() + text.size();
  if (text.empty() || text.front() < '0' || text.front() > '9') {
    return false;
  }
  const auto [next, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number > kMaxNumber) {
    return false;
  }
  text.remove_prefix(static_cast<size_t>(next - text.data()));
  return true;
}

bool ReadDot(std::string_view& text) {
  if (!text.starts_with('.')) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

// "-rc.1", "+build.5"
bool IsSuffix(std::string_view text) {
  return text.empty() ||
         ((text.front() == '-' || text.front() == '+') && text.size() > 1 &&
          std::all_of(text.begin() + 1, text.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                   (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '+';
          }));
}

// Words apart by one space, as help may be wrapped anywhere.
std::string Words(std::string_view text) {
  std::string words = " ";
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space) {
      words += c;
    } else if (words.back() != ' ') {
      words += ' ';
    }
  }
  words += ' ';
  return words;
}

}  // namespace

bool SmolvmProgram::AtLeast(int a, int b, int c) const {
  return std::tie(major, minor, patch) >= std::tie(a, b, c);
}

bool ParseSmolvmVersion(std::string_view output, SmolvmProgram& program) {
  constexpr std::string_view kName = "smolvm ";
  std::string_view line = output.substr(0, output.find_first_of("\r\n"));
  if (!line.starts_with(kName)) {
    return false;
  }
  line.remove_prefix(kName.size());
  const std::string_view version = line;
  int major = 0;
  int minor = 0;
  int patch = 0;
  if (version.size() > kMaxVersion || !ReadNumber(line, major) ||
      !ReadDot(line) || !ReadNumber(line, minor) || !ReadDot(line) ||
      !ReadNumber(line, patch) || !IsSuffix(line)) {
    return false;
  }
  program.version = version;
  program.major = major;
  program.minor = minor;
  program.patch = patch;
  return true;
}

absl::StatusOr<SmolvmProgram> ProbeSmolvm(const std::string& path,
                                          const std::vector<std::string>& env,
                                          std::chrono::milliseconds limit,
                                          const CancelToken& cancel) {
  SmolvmProgram program;
  program.path = path;
  ASSIGN_OR_RETURN(const Ran version,
                   Run(path, {"--version"}, env, limit, cancel));
  if (version.exit_code == kUsageError) {
    return SmolvmForeignError(path, "it does not know --version");
  }
  if (version.exit_code != 0) {
    return SmolvmUnusableError(path, HowItEnded("--version", version));
  }
  if (!ParseSmolvmVersion(version.out, program)) {
    return SmolvmForeignError(
        path, fmt::format("its --version is \"{}\"", FirstLine(version.out)));
  }
  ASSIGN_OR_RETURN(const Ran help,
                   Run(path, {"pack", "create", "--help"}, env, limit, cancel));
  if (help.exit_code < 0 || help.exit_code >= kShellErrors) {
    return SmolvmUnusableError(path, HowItEnded("pack create --help", help));
  }
  const std::string words = Words(help.out);
  if (help.exit_code != 0 || (words.find(" -o ") == std::string::npos &&
                              words.find(" -o, ") == std::string::npos)) {
    return SmolvmForeignError(path, "it has no pack create with -o");
  }
  program.takes_archives = words.find("docker save") != std::string::npos;
  return program;
}

}  // namespace bottled
