#include "engine/build_output.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/strings.h"

namespace bottled {
namespace {

constexpr size_t kMaxLine = 8 << 10;
constexpr size_t kMinRedacted = 8;
constexpr size_t kMaxStages = 256;
constexpr int64_t kMaxSteps = 10'000;

// "2/4"; false when it is something else.
bool ParseFraction(std::string_view text, int64_t* part, int64_t* whole) {
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, *part);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '/') {
    return false;
  }
  const auto second = std::from_chars(first.ptr + 1, end, *whole);
  return second.ec == std::errc() && second.ptr == end && *part >= 0 &&
         *part <= *whole && *whole <= kMaxSteps;
}

}  // namespace

BuildOutput::BuildOutput(std::vector<std::string> redacted)
    : redacted_(std::move(redacted)) {
  // In the form that they would have in a line.
  for (std::string& value : redacted_) {
    value = Printable(value, kMaxLine);
  }
  std::erase_if(redacted_, [](const std::string& value) {
    return value.size() < kMinRedacted;
  });
  // The longest first, in case one holds another.
  std::sort(redacted_.begin(), redacted_.end(),
            [](const std::string& a, const std::string& b) {
              return a.size() > b.size();
            });
}

std::vector<std::string> BuildOutput::Add(std::string_view bytes) {
  std::vector<std::string> lines;
  for (const char c : bytes) {
    // A progress bar rewrites its line with \r.
    if (c == '\n' || c == '\r') {
      if (!buffer_.empty()) {
        lines.push_back(TakeLine());
      }
    } else if (buffer_.size() < kMaxLine) {
      buffer_ += c;
    }
  }
  return lines;
}

std::vector<std::string> BuildOutput::Finish() {
  if (buffer_.empty()) {
    return {};
  }
  return {TakeLine()};
}

std::string BuildOutput::TakeLine() {
  // Printable first, so that nothing can put a value together afterwards.
  std::string line =
      Printable(WithoutTerminalCodes(std::exchange(buffer_, {})), kMaxLine);
  for (const std::string& value : redacted_) {
    for (size_t at = line.find(value); at != std::string::npos;
         at = line.find(value, at)) {
      line.replace(at, value.size(), "***");
    }
  }
  Note(line);
  return line;
}

void BuildOutput::Note(std::string_view line) {
  constexpr std::string_view kClassic = "Step ";
  if (line.starts_with(kClassic)) {
    const std::string_view rest = line.substr(kClassic.size());
    Reach("", rest.substr(0, rest.find(' ')), line);
    return;
  }
  // "#7 [app 2/4] RUN …"
  const size_t open = line.find(" [");
  const size_t close = line.find("] ");
  if (!line.starts_with('#') || open == std::string_view::npos ||
      close == std::string_view::npos || close < open) {
    return;
  }
  const std::string_view inside = line.substr(open + 2, close - open - 2);
  const size_t space = inside.rfind(' ');
  const bool named = space != std::string_view::npos;
  Reach(named ? std::string(inside.substr(0, space)) : "",
        named ? inside.substr(space + 1) : inside, line.substr(open + 1));
}

void BuildOutput::Reach(const std::string& stage, std::string_view of,
                        std::string_view line) {
  int64_t part = 0;
  int64_t whole = 0;
  if (!ParseFraction(of, &part, &whole) ||
      (!stages_.contains(stage) && stages_.size() >= kMaxStages)) {
    return;
  }
  Stage& entry = stages_[stage];
  // Another total is another build's, which a step of this one may print.
  entry.reached = entry.total == whole ? std::max(entry.reached, part) : part;
  entry.total = whole;
  last_step_ = line;
}

BuildOutput::Steps BuildOutput::steps() const {
  Steps steps;
  for (const auto& [name, stage] : stages_) {
    steps.done += stage.reached;
    steps.total += stage.total;
  }
  return steps;
}

}  // namespace bottled
