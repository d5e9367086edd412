#include "base/cancel.h"

#include <poll.h>

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/wake_fd.h"

namespace bottled {
namespace {

// A token may have no descriptor to wait for.
constexpr int64_t kLongestPollMs = 1'000;

}  // namespace

class CancelState {
 public:
  void Cancel() {
    // The flag first: whoever wakes up through the descriptor must see it.
    if (!cancelled_.exchange(true, std::memory_order_acq_rel)) {
      wake_.Wake();
    }
  }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  int fd() const { return wake_.fd(); }

 private:
  std::atomic<bool> cancelled_ = false;
  WakeFd wake_;
};

bool CancelToken::Cancelled() const {
  return state_ != nullptr && state_->cancelled();
}

absl::Status CancelToken::Check() const {
  return Cancelled() ? CancelledError() : absl::OkStatus();
}

int CancelToken::fd() const { return state_ == nullptr ? -1 : state_->fd(); }

CancelSource::CancelSource() : state_(std::make_shared<CancelState>()) {}

void CancelSource::Cancel() { state_->Cancel(); }

absl::Status SleepFor(std::chrono::milliseconds time,
                      const CancelToken& token) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!token.Cancelled()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return absl::OkStatus();
    }
    pollfd wait = {token.fd(), POLLIN, 0};
    ::poll(&wait, 1,
           static_cast<int>(std::min<int64_t>(left.count(), kLongestPollMs)));
  }
  return CancelledError();
}

}  // namespace bottled
