#include "jobs/change_feed.h"

#include <algorithm>
#include <utility>

namespace bottled {
namespace {

// Room for 256 changes in each millisecond of an earlier life.
constexpr int64_t kNumbersPerMs = 256;

}  // namespace

ChangeFeed::ChangeFeed(const Clock& clock, size_t capacity)
    : clock_(clock),
      capacity_(std::max<size_t>(1, capacity)),
      // Above 0, which means something else, whatever the clock says.
      last_seq_(std::max<int64_t>(1, clock.NowMs() * kNumbersPerMs)) {}

void ChangeFeed::Publish(ChangeKind kind, const std::string& id) {
  {
    MutexLock lock(mu_);
    if (closed_) {
      return;
    }
    changes_.push_back(
        {.seq = ++last_seq_, .kind = kind, .id = id, .at_ms = clock_.NowMs()});
    if (changes_.size() > capacity_) {
      changes_.pop_front();
    }
  }
  WakeAll();
}

void ChangeFeed::Close() {
  {
    MutexLock lock(mu_);
    closed_ = true;
  }
  WakeAll();
}

ChangeFeed::Batch ChangeFeed::Since(int64_t after_seq, size_t limit) const {
  MutexLock lock(mu_);
  Batch batch;
  const int64_t first = last_seq_ - static_cast<int64_t>(changes_.size());
  if (after_seq <= 0) {
    batch.cursor = last_seq_;
  } else if (after_seq < first || after_seq > last_seq_) {
    batch.reset = true;
    batch.cursor = last_seq_;
  } else {
    const auto begin =
        changes_.begin() + static_cast<std::ptrdiff_t>(after_seq - first);
    const auto left = static_cast<size_t>(changes_.end() - begin);
    const auto count =
        static_cast<std::ptrdiff_t>(std::min(left, std::max<size_t>(1, limit)));
    batch.changes.assign(begin, begin + count);
    batch.cursor = after_seq + count;
  }
  batch.closed = closed_ && batch.cursor == last_seq_;
  return batch;
}

int64_t ChangeFeed::last_seq() const {
  MutexLock lock(mu_);
  return last_seq_;
}

int64_t ChangeFeed::Subscribe(std::function<void()> wake) {
  MutexLock lock(wake_mu_);
  const int64_t id = next_id_++;
  wakes_.emplace(id, std::move(wake));
  return id;
}

void ChangeFeed::Unsubscribe(int64_t id) {
  MutexLock lock(wake_mu_);
  wakes_.erase(id);
}

void ChangeFeed::WakeAll() {
  MutexLock lock(wake_mu_);
  for (const auto& [id, wake] : wakes_) {
    wake();
  }
}

}  // namespace bottled
