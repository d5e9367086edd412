#include "pack/smolvm_probe.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "pack/errors.h"
#include "platform/run_program.h"

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

absl::StatusOr<ProgramOutput> Run(const std::string& path,
                                  const std::vector<std::string>& arguments,
                                  const std::vector<std::string>& env,
                                  std::chrono::milliseconds limit,
                                  const CancelToken& cancel) {
  // In a session of its own it has no terminal to ask on.
  RunSpec spec{.argv = {path},
               .env = env,
               .new_session = true,
               .limit = limit,
               .max_bytes = kMaxOutput,
               .cancel = cancel};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  absl::StatusOr<ProgramOutput> output = RunProgram(spec);
  const absl::Status& status = output.status();
  if (status.ok() || absl::IsCancelled(status) ||
      HasReason(status, "TOO_MANY_FILES")) {
    return output;
  }
  return SmolvmUnusableError(path, HasReason(status, "PROGRAM_NOT_FOUND")
                                       ? "its interpreter or loader is missing"
                                       : std::string(status.message()));
}

std::string HowItEnded(const std::string& command, const ProgramOutput& ran) {
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
  ASSIGN_OR_RETURN(const ProgramOutput version,
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
  ASSIGN_OR_RETURN(const ProgramOutput help,
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
