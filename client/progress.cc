#include "client/progress.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/strings.h"
#include "client/table.h"
#include "fmt/format.h"

namespace bottled::client {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::seconds;

constexpr auto kRedrawAfter = std::chrono::milliseconds(100);
constexpr auto kPlainLineAfter = seconds(10);
constexpr auto kRateWindow = seconds(5);
constexpr size_t kStageColumn = 10;
constexpr size_t kMinBar = 10;
constexpr size_t kMaxBar = 40;
// Back to the first column, and erase to the end of the line.
constexpr std::string_view kEraseLine = "\r\x1b[K";

std::string Word(const std::string& name, std::string_view prefix, int number) {
  // A newer daemon may know more.
  if (!name.starts_with(prefix)) {
    return fmt::format("#{}", number);
  }
  std::string word = name.substr(prefix.size());
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return word;
}

std::string FormatAmount(int64_t value, v1::Unit unit) {
  return unit == v1::UNIT_BYTES ? FormatBytes(value) : fmt::format("{}", value);
}

}  // namespace

std::string StageWord(v1::Stage stage) {
  return stage == v1::STAGE_UNSPECIFIED
             ? "queued"
             : Word(v1::Stage_Name(stage), "STAGE_", stage);
}

std::string StateWord(v1::JobState state) {
  return Word(v1::JobState_Name(state), "JOB_STATE_", state);
}

std::string FormatSeconds(int64_t seconds) {
  seconds = std::max<int64_t>(seconds, 0);
  if (seconds < 60) {
    return fmt::format("{} s", seconds);
  }
  if (seconds < 3600) {
    return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  }
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

void ProgressView::EnterStage(v1::Stage stage, TimePoint now) {
  stage_ = stage;
  stage_begin_ = now;
  progress_.Clear();
  samples_.clear();
}

std::string ProgressView::OnEvent(const v1::JobEvent& event, TimePoint now) {
  switch (event.event_case()) {
    case v1::JobEvent::kStageStarted:
      EnterStage(event.stage_started().stage(), now);
      return style_.terminal ? Redraw(now) : Line(StageWord(stage_), now);
    case v1::JobEvent::kProgress:
      if (event.progress().stage() != stage_) {
        EnterStage(event.progress().stage(), now);
      }
      // A stage that is retried starts again.
      if (event.progress().current() < progress_.current()) {
        samples_.clear();
      }
      progress_ = event.progress();
      samples_.push_back({now, progress_.current()});
      while (samples_.size() > 2 && now - samples_.front().time > kRateWindow) {
        samples_.pop_front();
      }
      return OnTick(now);
    case v1::JobEvent::kLog:
      return Line((event.log().warning() ? "warning: " : "") +
                      Printable(event.log().text()),
                  now);
    case v1::JobEvent::kGap:
      return Line(fmt::format("events {} to {} are no longer kept",
                              event.gap().first_seq(), event.gap().last_seq()),
                  now);
    case v1::JobEvent::kFinished:
      finished_ = true;
      return Clear();
    default:
      return OnTick(now);
  }
}

std::string ProgressView::OnTick(TimePoint now) {
  if (finished_) {
    return "";
  }
  if (style_.terminal) {
    return !drawn_ || now - last_output_ >= kRedrawAfter ? Redraw(now) : "";
  }
  return now - last_output_ >= kPlainLineAfter ? Line(PlainLine(now), now) : "";
}

std::string ProgressView::Line(const std::string& text, TimePoint now) {
  const std::string line = Clear() + text + "\n";
  if (!style_.terminal) {
    last_output_ = now;
    return line;
  }
  return finished_ ? line : line + Redraw(now);
}

std::string ProgressView::Clear() {
  if (!drawn_) {
    return "";
  }
  drawn_ = false;
  return std::string(kEraseLine);
}

std::string ProgressView::Redraw(TimePoint now) {
  last_output_ = now;
  drawn_ = true;
  return std::string(kEraseLine) + BarLine(now);
}

double ProgressView::Rate() const {
  if (samples_.size() < 2) {
    return 0;
  }
  const double elapsed =
      duration<double>(samples_.back().time - samples_.front().time).count();
  const auto done =
      static_cast<double>(samples_.back().current - samples_.front().current);
  return elapsed < 0.2 ? 0 : done / elapsed;
}

double ProgressView::Fraction() const {
  if (progress_.total() <= 0) {
    return -1;
  }
  return std::clamp(static_cast<double>(progress_.current()) /
                        static_cast<double>(progress_.total()),
                    0.0, 1.0);
}

std::string ProgressView::Amount() const {
  if (progress_.current() <= 0 && progress_.total() <= 0) {
    return "";
  }
  const v1::Unit unit = progress_.unit();
  std::string text = FormatAmount(progress_.current(), unit);
  if (progress_.total() > 0) {
    text += fmt::format(" / {}{}", progress_.total_is_estimate() ? "~" : "",
                        FormatAmount(progress_.total(), unit));
  }
  return unit == v1::UNIT_BYTES ? text : text + " entries";
}

std::string ProgressView::RateText() const {
  const double rate = Rate();
  return rate < 1 ? ""
                  : FormatAmount(static_cast<int64_t>(rate), progress_.unit()) +
                        "/s";
}

std::string ProgressView::EtaText() const {
  const double rate = Rate();
  const int64_t left = progress_.total() - progress_.current();
  if (rate < 1 || left <= 0) {
    return "";
  }
  // A stalled stream would make it run away.
  const double eta = std::min(static_cast<double>(left) / rate, 359'999.0);
  return "ETA " + FormatSeconds(static_cast<int64_t>(eta + 0.5));
}

std::string ProgressView::BarLine(TimePoint now) const {
  std::string head = StageWord(stage_);
  head.resize(std::max(head.size() + 1, kStageColumn), ' ');
  std::string tail;
  const double fraction = Fraction();
  if (fraction >= 0) {
    tail = fmt::format(" {:3.0f}%", fraction * 100);
  }
  for (const std::string& part :
       {Amount(), RateText(),
        fraction >= 0
            ? EtaText()
            : FormatSeconds(
                  duration_cast<seconds>(now - stage_begin_).count())}) {
    if (!part.empty()) {
      tail += (tail.empty() ? "" : "  ") + part;
    }
  }
  const size_t limit = style_.width > 1 ? style_.width - 1 : 1;
  std::string bar;
  const size_t used = head.size() + tail.size() + 2;
  if (fraction >= 0 && used + kMinBar <= limit) {
    const size_t cells = std::min(limit - used, kMaxBar);
    const auto full =
        static_cast<size_t>(fraction * static_cast<double>(cells));
    bar = "[" + std::string(full, '=') + (full < cells ? ">" : "") +
          std::string(full < cells ? cells - full - 1 : 0, ' ') + "]";
  }
  // All of it is ASCII.
  const std::string line = (head + bar + tail).substr(0, limit);
  if (!style_.color || line.size() < head.size()) {
    return line;
  }
  return "\x1b[1m" + head + "\x1b[0m" + line.substr(head.size());
}

std::string ProgressView::PlainLine(TimePoint now) const {
  std::string text = StageWord(stage_) + ":";
  const double fraction = Fraction();
  if (const std::string amount = Amount(); !amount.empty()) {
    text += " " + amount;
    if (fraction >= 0) {
      text += fmt::format(" ({:.0f}%)", fraction * 100);
    }
    text += ",";
  }
  for (const std::string& part : {RateText(), EtaText()}) {
    text += part.empty() ? "" : " " + part + ",";
  }
  return text + " after " +
         FormatSeconds(duration_cast<seconds>(now - stage_begin_).count());
}

}  // namespace bottled::client
