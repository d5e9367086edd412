// Integrity: the daemon's own care for what it keeps: the part of recovery that
// need not come first, scrubbing, the limits of the quarantine, copies of the
// index, and the end of old rows. Two threads, so that hours of scrubbing hold
// up nothing.

#ifndef BOTTLED_APP_INTEGRITY_H_
#define BOTTLED_APP_INTEGRITY_H_

#include <chrono>
#include <functional>
#include <memory>

#include "app/periodic.h"
#include "base/clock.h"
#include "jobs/scrubber.h"
#include "platform/places.h"
#include "store/index.h"

namespace bottled {

// One round of everything but scrubbing: the quarantine's limits, old rows, the
// weekly check of the index and its daily copy. Failures are only logged.
// Blocks for the unlinks.
void KeepUp(Index& index, const Places& places, const Clock& clock);

class Integrity {
 public:
  struct Options {
    // 0 = never.
    int scrub_days = 7;
    int64_t scrub_bytes_per_second = 50'000'000;
    // As Scrubber::Options::busy.
    std::function<bool()> busy = nullptr;
  };

  // Begins at once. What `deps` and `places` refer to outlives it.
  Integrity(const Scrubber::Deps& deps, const Places& places,
            const Options& options);
  // Cancels what is under way, and waits for it.
  ~Integrity();

 private:
  // Until it has succeeded once.
  void Settle(const CancelToken& cancel);
  void Scrub(const CancelToken& cancel);

  const Scrubber::Deps deps_;
  const Places& places_;
  const Options options_;
  Scrubber scrubber_;
  // Of the scrubbing thread.
  bool settled_ = false;
  bool after_crash_;

  // Last: they use what is above.
  std::unique_ptr<Periodic> keeping_up_;
  std::unique_ptr<Periodic> scrubbing_;
};

}  // namespace bottled

#endif  // BOTTLED_APP_INTEGRITY_H_
