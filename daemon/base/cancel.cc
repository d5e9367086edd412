#include "base/cancel.h"

#include <atomic>

#include "base/error.h"
#include "base/wake_fd.h"

namespace bottled {

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

}  // namespace bottled
