// Admission: whether there is room for a job. Each reserves what it may need
// for as long as it runs, so that jobs together do not promise themselves the
// same space; the cache is collected first when that helps. While jobs run, the
// disk is looked at again and again, and below the hard floor the youngest one
// is stopped, so that the others, and the index, can go on.

#ifndef BOTTLED_JOBS_ADMISSION_H_
#define BOTTLED_JOBS_ADMISSION_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "jobs/cache_policy.h"
#include "jobs/collector.h"
#include "jobs/disk_state.h"
#include "jobs/errors.h"
#include "platform/disk_space.h"

namespace bottled {

// Thread-safe. Outlives its tickets.
class Admission {
 public:
  struct Deps {
    Collector& collector;
    DiskState& disk;
    const Clock& clock;
  };
  struct Options {
    // As the collector's.
    CachePolicy policy;
    // The cache's file system; tests answer themselves.
    std::function<absl::StatusOr<DiskSpace>()> look;
    // How long a job waits for room that other jobs have reserved.
    std::chrono::milliseconds patience{60'000};
  };
  Admission(const Deps& deps, Options options)
      : deps_(deps), options_(std::move(options)) {}

  struct Request {
    std::string job_id;
    // EstimateBytes(); 0 = unknown: 1 GiB, or a sixteenth of a small disk.
    int64_t bytes = 0;
    // Made ahead of need: stopped before others. May be null: never is.
    std::function<bool()> is_warm;
    // Ends the job with this error. Called by Watch(), under a lock: must
    // return at once and not call back.
    std::function<void(const absl::Status& why)> stop;
    // Hears a line about a wait. May be null.
    std::function<void(const std::string& line)> tell;
  };
  class Ticket;
  // Reserves. DISK_FULL with numbers when there is no room, though all that may
  // go from the cache went; then nothing went. Waits for other jobs when their
  // reservations are what is in the way. Blocks for the collection, its unlinks
  // included. CANCELLED; errors of the disk and the index.
  absl::StatusOr<std::unique_ptr<Ticket>> Admit(Request request,
                                                const CancelToken& cancel);

  // Looks at the disk and, below the floor, stops one job: a warm one if there
  // is one, of those the last that came. One at a time: not before the last
  // one has ended.
  void Watch();

  // DISK_FULL when no new job is taken at all. Never blocks.
  absl::Status Check() const { return deps_.disk.Check(); }

  // An artifact was published: a reason to look at the cache's limits soon.
  void NotePublished() { published_.store(true); }
  // Whether there was one since the last call.
  bool TakePublished() { return published_.exchange(false); }

  // Jobs with a ticket, and what they reserved together.
  int count() const;
  int64_t reserved_bytes() const;
  // The policy, resolved for the disk as it is.
  absl::StatusOr<CachePolicy> policy() const;

 private:
  struct Entry {
    Request request;
    bool stopped = false;
  };
  // A ticket, or null when it would fit if the others had not reserved; `room`
  // has the numbers then.
  absl::StatusOr<std::unique_ptr<Ticket>> TryOnce(Request& request,
                                                  RoomNumbers& room,
                                                  const CancelToken& cancel);
  // The ticket if the disk as it is has the room; fills `room` if not.
  absl::StatusOr<std::unique_ptr<Ticket>> TakeIfRoom(Request& request,
                                                     RoomNumbers& room);
  void Release(std::list<Entry>::iterator entry);
  int64_t ReservedLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Constant after construction.
  const Deps deps_;
  const Options options_;

  std::atomic<bool> published_ = false;
  mutable Mutex mu_;
  CondVar released_;
  // The oldest first.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mu_);
  // Tickets that have ended.
  int64_t releases_ ABSL_GUARDED_BY(mu_) = 0;
};

// A reservation, until it is destroyed.
class Admission::Ticket {
 public:
  Ticket(Admission& admission, std::list<Entry>::iterator entry)
      : admission_(admission), entry_(entry) {}
  ~Ticket() { admission_.Release(entry_); }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

 private:
  Admission& admission_;
  const std::list<Entry>::iterator entry_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_ADMISSION_H_
