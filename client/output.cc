#include "client/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/strings.h"
#include "client/errors.h"
#include "client/json.h"
#include "client/stub.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

// Returns an errno value.
int Write(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      return errno;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

}  // namespace

std::string FormatError(const absl::Status& status, bool color) {
  const ErrorDetail detail = GetErrorDetail(status);
  std::string out = fmt::format("{}bottlectl:{} {} [{}]\n",
                                color ? "\x1b[31m" : "", color ? "\x1b[0m" : "",
                                Printable(std::string(status.message())),
                                Printable(detail.reason));
  if (!detail.remedy.empty()) {
    out += fmt::format("  hint: {}\n", Printable(detail.remedy));
  }
  if (!detail.log_tail.empty()) {
    out += "  log:\n";
  }
  for (const std::string& line : detail.log_tail) {
    out += fmt::format("    {}\n", Printable(line));
  }
  return out;
}

Output::Output(bool json, bool quiet, ColorMode color, bool no_color)
    : json_(json), quiet_(quiet) {
  terminal_ = ::isatty(STDERR_FILENO) == 1;
  color_ = color == ColorMode::kAlways ||
           (color == ColorMode::kAuto && terminal_ && !no_color);
}

size_t Output::width() const {
  winsize size = {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 80;
  }
  return size.ws_col;
}

void Output::Result(std::string_view text) {
  if (status_.ok()) {
    if (const int error = Write(STDOUT_FILENO, text); error != 0) {
      status_ = WriteFailed(error);
    }
  }
}

void Output::JsonLine(std::string_view key, std::string_view value) {
  Result(JsonObject(key, value) + "\n");
}

void Output::Progress(std::string_view text) {
  // Nobody to tell when even stderr is gone.
  Write(STDERR_FILENO, text);
}

void Output::Info(std::string_view line) {
  if (!quiet_) {
    Progress(std::string(line) + "\n");
  }
}

void Output::Error(const absl::Status& status) {
  Progress(FormatError(status, color_));
  if (json_) {
    JsonLine("error", ToJson(ToFailure(status)));
  }
}

}  // namespace bottled::client
