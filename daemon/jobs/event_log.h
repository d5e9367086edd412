// EventLog: the sequenced events of one job, bounded, for any number of
// readers at their own pace.
//
// The writer never waits for a reader. Each reader keeps a cursor (a sequence
// number) and pulls; a wake-up only says that there may be more. Progress is
// conflated: a newer report of the same stage replaces one that is still the
// last event, in the same place with a new number. Beyond 1024 kept events, or
// 1 MiB of kept lines, log lines and progress reports go, the oldest first, but
// for those of the head: the first 128 events, or the first 128 KiB of lines,
// which say what was begun. A reader that asks for what went learns of the gap.

#ifndef BOTTLED_JOBS_EVENT_LOG_H_
#define BOTTLED_JOBS_EVENT_LOG_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "jobs/event.h"

namespace bottled {

// Thread-safe.
class EventLog {
 public:
  // The first event has the number after `last_seq`.
  explicit EventLog(const Clock& clock, int64_t last_seq = 0)
      : clock_(clock), base_seq_(last_seq), last_seq_(last_seq) {}

  // A `last_seq` for a job's log that begins at a time: above all numbers that
  // its earlier ones used, as those took a thousandth of a millisecond each.
  static int64_t BaseSeq(int64_t now_ms);

  // Events after Finished are dropped.
  void StartStage(Stage stage);
  void Report(const Progress& progress);
  // One line; made printable and cut to 8 KiB.
  void AddLine(std::string_view text, bool warning);
  void Finish(Finished finished);

  struct Batch {
    std::vector<JobEvent> events;
    // The events between after_seq and the first of `events` that are gone;
    // 0, 0 when there is no gap. Numbers that conflation skipped do not count.
    int64_t gap_first = 0;
    int64_t gap_last = 0;
    // The last event ever is in `events` or was delivered before.
    bool finished = false;
  };
  // Events numbered above `after_seq`, at most `limit`, and fewer when there is
  // a gap between them: then the next call tells of it. A number beyond the
  // last one of a log that has ended is from another log of the job: whoever
  // has it gets the last event. Never blocks.
  Batch Read(int64_t after_seq, size_t limit) const;

  int64_t last_seq() const;
  Stage stage() const;
  // When the current stage began (steady clock), for heartbeats.
  std::chrono::steady_clock::time_point stage_started() const;
  // Of the current stage; its stage is kNone before the first report.
  Progress progress() const;
  // The last lines, oldest first.
  std::vector<std::string> LogTail(size_t lines) const;

  // Calls `wake` after every new event, from the writer's thread and without
  // the log's lock, until Unsubscribe() returns; it must not block. Returns an
  // ID for Unsubscribe(), which waits for a wake that is running.
  int64_t Subscribe(std::function<void()> wake);
  void Unsubscribe(int64_t id);

 private:
  // Numbers and keeps an event. False when the log has ended.
  bool Append(decltype(JobEvent::what) what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Trim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int64_t LastOfHead() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WakeAll();

  // Constant after construction.
  const Clock& clock_;
  const int64_t base_seq_;

  mutable Mutex mu_;
  std::deque<JobEvent> events_ ABSL_GUARDED_BY(mu_);
  int64_t last_seq_ ABSL_GUARDED_BY(mu_);
  // The last number of the head, once something had to go.
  int64_t head_up_to_ ABSL_GUARDED_BY(mu_) = 0;
  // All log lines and progress reports from there up to this one are gone.
  int64_t dropped_up_to_ ABSL_GUARDED_BY(mu_) = 0;
  size_t text_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  Stage stage_ ABSL_GUARDED_BY(mu_) = Stage::kNone;
  std::chrono::steady_clock::time_point stage_started_ ABSL_GUARDED_BY(mu_);
  Progress progress_ ABSL_GUARDED_BY(mu_);

  // Held while wakes run, so that Unsubscribe() can wait for them.
  Mutex wake_mu_;
  int64_t next_id_ ABSL_GUARDED_BY(wake_mu_) = 1;
  std::map<int64_t, std::function<void()>> wakes_ ABSL_GUARDED_BY(wake_mu_);
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_EVENT_LOG_H_
