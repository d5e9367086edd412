#include "jobs/event_log.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace bottled {
namespace {

constexpr size_t kMaxEvents = 1024;
constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr size_t kMaxLineBytes = 8192;
constexpr size_t kHeadEvents = 128;
constexpr size_t kHeadTextBytes = size_t{128} << 10;

bool MayBeDropped(const JobEvent& event) {
  return std::holds_alternative<LogLine>(event.what) ||
         std::holds_alternative<Progress>(event.what);
}

size_t TextBytes(const JobEvent& event) {
  const auto* line = std::get_if<LogLine>(&event.what);
  return line == nullptr ? 0 : line->text.size();
}

template <typename Events>
auto FirstAfter(Events& events, int64_t seq) {
  return std::upper_bound(
      events.begin(), events.end(), seq,
      [](int64_t number, const JobEvent& event) { return number < event.seq; });
}

}  // namespace

bool EventLog::Append(decltype(JobEvent::what) what) {
  if (finished_) {
    return false;
  }
  events_.push_back(
      {.seq = ++last_seq_, .time_ms = clock_.NowMs(), .what = std::move(what)});
  text_bytes_ += TextBytes(events_.back());
  Trim();
  return true;
}

int64_t EventLog::LastOfHead() const {
  int64_t seq = base_seq_;
  size_t bytes = 0;
  for (size_t i = 0; i < std::min(kHeadEvents, events_.size()); ++i) {
    bytes += TextBytes(events_[i]);
    if (bytes > kHeadTextBytes) {
      break;
    }
    seq = events_[i].seq;
  }
  return seq;
}

void EventLog::Trim() {
  while (events_.size() > kMaxEvents || text_bytes_ > kMaxTextBytes) {
    if (dropped_up_to_ == 0) {
      head_up_to_ = LastOfHead();
    }
    // Stages are few, so the search behind the head is short.
    const auto last = std::prev(events_.end());
    const auto oldest =
        std::find_if(FirstAfter(events_, head_up_to_), last, MayBeDropped);
    if (oldest == last) {
      return;
    }
    dropped_up_to_ = oldest->seq;
    text_bytes_ -= TextBytes(*oldest);
    events_.erase(oldest);
  }
}

void EventLog::StartStage(Stage stage) {
  {
    MutexLock lock(mu_);
    if (!Append(StageStarted{.stage = stage})) {
      return;
    }
    stage_ = stage;
    stage_started_ = clock_.Steady();
    progress_ = Progress();
  }
  WakeAll();
}

void EventLog::Report(const Progress& progress) {
  {
    MutexLock lock(mu_);
    if (!finished_ && !events_.empty()) {
      const auto* last = std::get_if<Progress>(&events_.back().what);
      if (last != nullptr && last->stage == progress.stage) {
        events_.pop_back();
      }
    }
    if (!Append(progress)) {
      return;
    }
    progress_ = progress;
  }
  WakeAll();
}

void EventLog::AddLine(std::string_view text, bool warning) {
  {
    MutexLock lock(mu_);
    if (!Append(LogLine{.text = Printable(text, kMaxLineBytes),
                        .warning = warning})) {
      return;
    }
  }
  WakeAll();
}

void EventLog::Finish(Finished finished) {
  {
    MutexLock lock(mu_);
    if (!Append(std::move(finished))) {
      return;
    }
    finished_ = true;
  }
  WakeAll();
}

EventLog::Batch EventLog::Read(int64_t after_seq, size_t limit) const {
  MutexLock lock(mu_);
  if (finished_ && after_seq > last_seq_) {
    after_seq = last_seq_ - 1;
  }
  Batch batch;
  auto next = FirstAfter(events_, after_seq);
  int64_t read_up_to = std::max(after_seq, base_seq_);
  for (; next != events_.end() && batch.events.size() < limit; ++next) {
    // Every run of numbers that is missing up to here ends with an event that
    // was dropped; above it, and in the head, only conflation skips numbers.
    const int64_t lost_after = std::max(read_up_to, head_up_to_);
    const int64_t lost_up_to = std::min(next->seq - 1, dropped_up_to_);
    if (lost_up_to > lost_after) {
      if (!batch.events.empty()) {
        break;
      }
      batch.gap_first = lost_after + 1;
      batch.gap_last = lost_up_to;
    }
    batch.events.push_back(*next);
    read_up_to = next->seq;
  }
  batch.finished = finished_ && read_up_to >= last_seq_;
  return batch;
}

int64_t EventLog::BaseSeq(int64_t now_ms) {
  constexpr int64_t kEventsPerMilli = 1000;
  return std::max<int64_t>(0, now_ms) * kEventsPerMilli;
}

int64_t EventLog::last_seq() const {
  MutexLock lock(mu_);
  return last_seq_;
}

Stage EventLog::stage() const {
  MutexLock lock(mu_);
  return stage_;
}

std::chrono::steady_clock::time_point EventLog::stage_started() const {
  MutexLock lock(mu_);
  return stage_started_;
}

Progress EventLog::progress() const {
  MutexLock lock(mu_);
  return progress_;
}

std::vector<std::string> EventLog::LogTail(size_t lines) const {
  std::vector<std::string> tail;
  MutexLock lock(mu_);
  for (auto it = events_.rbegin(); it != events_.rend() && tail.size() < lines;
       ++it) {
    if (const auto* line = std::get_if<LogLine>(&it->what)) {
      tail.push_back(line->text);
    }
  }
  std::reverse(tail.begin(), tail.end());
  return tail;
}

int64_t EventLog::Subscribe(std::function<void()> wake) {
  MutexLock lock(wake_mu_);
  const int64_t id = next_id_++;
  wakes_.emplace(id, std::move(wake));
  return id;
}

void EventLog::Unsubscribe(int64_t id) {
  MutexLock lock(wake_mu_);
  wakes_.erase(id);
}

void EventLog::WakeAll() {
  MutexLock lock(wake_mu_);
  for (const auto& [id, wake] : wakes_) {
    wake();
  }
}

}  // namespace bottled
