#include "pack/smolvm_output.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "nlohmann/json.hpp"

namespace bottled {
namespace {

constexpr size_t kMaxLineBytes = 4096;
constexpr int kMaxShownLines = 1000;
constexpr std::string_view kThinned =
    "smolvm prints too much: its further lines are left out";
constexpr std::string_view kErrorMark = "Error: ";
constexpr std::string_view kJsonErrorMark = "{\"error\"";
constexpr std::string_view kCut = "…";

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The number right before `unit`, the last one in the line.
std::optional<int64_t> NumberBefore(std::string_view line,
                                    std::string_view unit) {
  constexpr int64_t kMax = int64_t{1} << 30;
  const size_t end = line.rfind(unit);
  if (end == line.npos) {
    return std::nullopt;
  }
  size_t begin = end;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9') {
    --begin;
  }
  int64_t number = 0;
  const auto [next, error] =
      std::from_chars(line.data() + begin, line.data() + end, number);
  if (begin == end || error != std::errc() || number > kMax) {
    return std::nullopt;
  }
  return number;
}

struct Reading {
  SmolvmProgress progress;
  // One of the lines that are written over and over.
  bool is_progress = false;
};

Reading ReadPull(std::string_view line) {
  Reading reading{.progress = {.phase = SmolvmPhase::kPull}};
  if (const auto percent = NumberBefore(line, "%"); percent.has_value()) {
    reading.progress.done = std::min<int64_t>(*percent, 100);
    reading.progress.total = 100;
    reading.is_progress = true;
  } else {
    reading.is_progress = line.ends_with("done.");
  }
  return reading;
}

Reading ReadExport(std::string_view line) {
  Reading reading{.progress = {.phase = SmolvmPhase::kExport}};
  if (const auto megabytes = NumberBefore(line, " MB")) {
    reading.progress.done = *megabytes << 20;
  } else if (const auto kilobytes = NumberBefore(line, " KB")) {
    reading.progress.done = *kilobytes << 10;
  }
  reading.is_progress = reading.progress.done > 0 || line.ends_with("done");
  return reading;
}

// The texts are those of smolvm 1.9.2 and 1.32.2 (smolvm.md §1.3); what no
// release prints any more is merely never seen.
Reading ReadLine(std::string_view line) {
  const auto in = [](SmolvmPhase phase) {
    return Reading{.progress = {.phase = phase}};
  };
  if (line.starts_with("Starting agent VM")) {
    return in(SmolvmPhase::kBoot);
  }
  if (line.starts_with("Pulling image ")) {
    return ReadPull(line);
  }
  if (line.starts_with("Collecting ") ||
      line.starts_with("Creating storage template")) {
    return in(SmolvmPhase::kCollect);
  }
  if (line.starts_with("Layer ") || line.starts_with("Exporting ")) {
    return ReadExport(line);
  }
  if (line.starts_with("Merging ")) {
    return in(SmolvmPhase::kExport);
  }
  // Behind one of the characters of a spinner.
  if (const size_t at = line.find("Assembling packed binary");
      at != line.npos && at <= 4) {
    Reading reading = in(SmolvmPhase::kAssemble);
    reading.is_progress = true;
    return reading;
  }
  return {};
}

// "MESSAGE (CODE)"; "" when it is no such line.
std::string JsonError(const std::string& line) {
  const nlohmann::json json =
      nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("error") ||
      !json["error"].is_object()) {
    return {};
  }
  const auto text = [&error = json["error"]](const char* name) {
    const auto found = error.find(name);
    return found != error.end() && found->is_string()
               ? found->get<std::string>()
               : std::string();
  };
  const std::string code = text("code");
  const std::string message = text("message");
  return message.empty() || code.empty() ? message
                                         : message + " (" + code + ")";
}

// What smolvm says of its result at last: where it lies is our business, and it
// does not stay there.
bool IsEpilogue(std::string_view text) {
  for (const std::string_view begin :
       {"Packed: ", "Assets: ", "Run with: ", "Note: Keep the .smolmachine",
        "Options: --help"}) {
    if (text.starts_with(begin)) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> SmolvmOutput::Add(std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    const size_t room = kMaxLineBytes - line_.size();
    line_ += bytes.substr(0, std::min(end, room));
    line_cut_ = line_cut_ || end > room;
    bytes.remove_prefix(end);
    if (!bytes.empty()) {
      bytes.remove_prefix(1);
      TakeLine(lines);
    }
  }
  return lines;
}

std::vector<std::string> SmolvmOutput::Finish() {
  std::vector<std::string> lines;
  TakeLine(lines);
  return lines;
}

void SmolvmOutput::TakeLine(std::vector<std::string>& lines) {
  const std::string raw = WithoutTerminalCodes(std::exchange(line_, {}));
  std::string text(Trimmed(raw));
  const bool cut = std::exchange(line_cut_, false);
  if (text.empty()) {
    return;
  }
  if (text.starts_with(kErrorMark)) {
    error_ = Printable(text.substr(kErrorMark.size()), kMaxLineBytes);
  } else if (text.starts_with(kJsonErrorMark)) {
    if (const std::string error = JsonError(text); !error.empty()) {
      error_ = Printable(error, kMaxLineBytes);
    }
  }
  const Reading reading = ReadLine(text);
  if (cut) {
    text += kCut;
  }
  last_line_ = Printable(text, kMaxLineBytes);
  // Never backwards: a line of an earlier phase may come late.
  if (reading.progress.phase > progress_.phase ||
      (reading.progress.phase == progress_.phase &&
       reading.progress.done > progress_.done)) {
    progress_ = reading.progress;
  }
  if (reading.is_progress || IsEpilogue(text) || shown_ >= kMaxShownLines) {
    return;
  }
  ++shown_;
  lines.push_back(shown_ < kMaxShownLines ? last_line_ : std::string(kThinned));
}

}  // namespace bottled
