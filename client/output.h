// Output: what bottlectl writes. Standard output carries only the result;
// everything else goes to stderr. With --json each line of standard output is
// one JSON object, and the last one is the result or {"error":…}.
//
// Not thread-safe. Blocks as the descriptors do.

#ifndef BOTTLED_CLIENT_OUTPUT_H_
#define BOTTLED_CLIENT_OUTPUT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace bottled::client {

enum class ColorMode { kAuto, kAlways, kNever };

// "bottlectl: MESSAGE [REASON]", a hint and log lines, each with its end.
// Everything is made printable. Pure.
std::string FormatError(const absl::Status& status, bool color);

class Output {
 public:
  // `no_color`: NO_COLOR is set (https://no-color.org); only for kAuto.
  Output(bool json, bool quiet, ColorMode color, bool no_color);

  bool json() const { return json_; }
  bool quiet() const { return quiet_; }
  // stderr is a terminal, and it is wanted to be used as one.
  bool terminal() const { return terminal_; }
  bool color() const { return color_; }
  // Columns of the terminal; 80 when it does not tell.
  size_t width() const;

  // Text for standard output, as it is.
  void Result(std::string_view text);

  // One line of JSON for standard output: {"key":value}.
  void JsonLine(std::string_view key, std::string_view value);

  // Text for stderr, as it is.
  void Progress(std::string_view text);

  // A line for stderr; nothing with --quiet.
  void Info(std::string_view line);

  // The error, on stderr and, with --json, as the last line of the output.
  void Error(const absl::Status& status);

  // The first error of standard output: the reader is gone, the disk is full.
  const absl::Status& status() const { return status_; }

 private:
  const bool json_;
  const bool quiet_;
  bool terminal_ = false;
  bool color_ = false;
  absl::Status status_;
};

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_OUTPUT_H_
