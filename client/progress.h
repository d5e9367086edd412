// ProgressView: a job's events become text for stderr, either one line that is
// drawn again and again, or plain lines for a pipe or a log.
//
// Pure: events and times in, text out; the caller writes it. Texts of the
// daemon are made printable.

#ifndef BOTTLED_CLIENT_PROGRESS_H_
#define BOTTLED_CLIENT_PROGRESS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "bottled/v1/job.pb.h"

namespace bottled::client {

struct ProgressStyle {
  // True: a bar that is drawn over itself. False: a line when the stage
  // changes, and one every ten seconds.
  bool terminal = false;
  // Columns; the bar never reaches the last one, where some terminals wrap.
  size_t width = 80;
  bool color = false;
};

class ProgressView {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  ProgressView(ProgressStyle style, TimePoint now)
      : style_(style), stage_begin_(now), last_output_(now) {}

  // Call for each event in its order.
  std::string OnEvent(const v1::JobEvent& event, TimePoint now);

  // Call about ten times a second on a terminal, else at least once a second.
  std::string OnTick(TimePoint now);

  // A line of the caller's own.
  std::string Line(const std::string& text, TimePoint now);

  // Takes the bar away. Call last.
  std::string Clear();

 private:
  struct Sample {
    TimePoint time;
    int64_t current = 0;
  };

  void EnterStage(v1::Stage stage, TimePoint now);
  std::string Redraw(TimePoint now);
  // "1.20 GiB / 2.50 GiB", "310 MiB/s", "ETA 4 s".
  std::string Amount() const;
  std::string RateText() const;
  std::string EtaText() const;
  // Units a second over the last seconds; 0 = not known.
  double Rate() const;
  // 0 to 1; negative when the total is not known.
  double Fraction() const;
  std::string BarLine(TimePoint now) const;
  std::string PlainLine(TimePoint now) const;

  const ProgressStyle style_;
  v1::Stage stage_ = v1::STAGE_UNSPECIFIED;
  TimePoint stage_begin_;
  TimePoint last_output_;
  v1::Progress progress_;
  std::deque<Sample> samples_;
  bool drawn_ = false;
  bool finished_ = false;
};

// "read" of STAGE_READ; "queued" when unspecified.
std::string StageWord(v1::Stage stage);

// "running" of JOB_STATE_RUNNING.
std::string StateWord(v1::JobState state);

// "4 s", "3 min 20 s", "1 h 05 min".
std::string FormatSeconds(int64_t seconds);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_PROGRESS_H_
