// ChangeFeed: what changed in this daemon, numbered, for any number of readers
// at their own pace. Editors follow it to keep a list up to date.
//
// As in jobs/event_log.h, the writer never waits for a reader: a reader keeps a
// cursor and pulls, and a wake-up only says that there may be more. The last
// 4096 changes are kept; a reader that asks for older ones is told to list
// everything anew. Cursors of an earlier life of the daemon are recognised,
// as Watchman does with its clocks: numbers begin at the time of the start, so
// they are greater than all that were given out before, unless the clock was
// set back meanwhile.
//
// A change names what changed and not how; equal changes are not merged.

#ifndef BOTTLED_JOBS_CHANGE_FEED_H_
#define BOTTLED_JOBS_CHANGE_FEED_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace bottled {

enum class ChangeKind {
  kJob,              // made, or its state changed; id of the job
  kArtifactAdded,    // "sha256:…"
  kArtifactRemoved,  // "sha256:…"
  kBottle,           // made or changed; slug
  kBottleRemoved,    // slug
};

struct Change {
  int64_t seq = 0;
  ChangeKind kind = ChangeKind::kJob;
  std::string id;
  int64_t at_ms = 0;  // UTC, since the epoch
};

// Thread-safe.
class ChangeFeed {
 public:
  static constexpr size_t kDefaultCapacity = 4096;

  // Numbers begin above the clock's milliseconds times 256, which doubles, and
  // so JavaScript, hold exactly until the year 3084.
  explicit ChangeFeed(const Clock& clock, size_t capacity = kDefaultCapacity);

  // Adds a change and wakes the readers, in this thread. Never blocks on one of
  // them. May be called with locks held that no wake takes. Does nothing once
  // the feed is closed.
  void Publish(ChangeKind kind, const std::string& id);

  // Ends the feed: readers get what is left, then `closed`. Idempotent.
  void Close();

  struct Batch {
    std::vector<Change> changes;
    // Changes after `after_seq` are gone, or it is none of this life's numbers:
    // what the reader knows is out of date. `changes` is empty then.
    bool reset = false;
    // What to ask with next. After a reset: the number of the last change, so
    // that what happens while the reader lists everything is not lost.
    int64_t cursor = 0;
    // Nothing will ever come after `cursor`.
    bool closed = false;
  };
  // The changes numbered above `after_seq`, at most `limit`, which is not 0.
  // `after_seq` 0 or less means "only new ones": the batch is empty and its
  // cursor is where to begin. Never blocks.
  Batch Since(int64_t after_seq, size_t limit) const;

  // Number of the last change, or where they begin.
  int64_t last_seq() const;

  // Calls `wake` after every change and at the end, from the writer's thread
  // and without the lock that readers need, until Unsubscribe() returns; it
  // must not block, publish, or subscribe. Returns an ID for Unsubscribe(),
  // which waits for a wake that is running and so may not be called from one.
  int64_t Subscribe(std::function<void()> wake);
  void Unsubscribe(int64_t id);

 private:
  void WakeAll();

  // Constant after construction.
  const Clock& clock_;
  const size_t capacity_;

  mutable Mutex mu_;
  // Numbered without gaps, up to last_seq_.
  std::deque<Change> changes_ ABSL_GUARDED_BY(mu_);
  int64_t last_seq_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;

  // Held while wakes run, so that Unsubscribe() can wait for them.
  Mutex wake_mu_;
  int64_t next_id_ ABSL_GUARDED_BY(wake_mu_) = 1;
  std::map<int64_t, std::function<void()>> wakes_ ABSL_GUARDED_BY(wake_mu_);
};

// Publishes unless there is no feed, which is how tests and tools go without.
inline void Tell(ChangeFeed* changes, ChangeKind kind, const std::string& id) {
  if (changes != nullptr) {
    changes->Publish(kind, id);
  }
}

}  // namespace bottled

#endif  // BOTTLED_JOBS_CHANGE_FEED_H_
