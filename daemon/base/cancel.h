// CancelSource and CancelToken: a flag that one side raises and the other side
// can test, or wait for together with file descriptors.
//
// Why not std::stop_token: it cannot be given to poll(), and macOS' libc++ has
// had it only since LLVM 20. Both classes are thread-safe; tokens are cheap to
// copy and may outlive their source.

#ifndef BOTTLED_BASE_CANCEL_H_
#define BOTTLED_BASE_CANCEL_H_

#include <chrono>
#include <memory>
#include <utility>

#include "absl/status/status.h"

namespace bottled {

class CancelState;

// The receiving side.
class CancelToken {
 public:
  // A token that is never cancelled.
  CancelToken() = default;

  bool Cancelled() const;

  // CancelledError() when cancelled, else OK.
  absl::Status Check() const;

  // A descriptor that becomes readable on cancellation, for poll(); never read
  // from it. Owned by the token. -1, which poll() skips, for a token that is
  // never cancelled, and when the process was out of descriptors; so give
  // poll() a timeout of a second at most and look at Cancelled() again.
  int fd() const;

 private:
  friend class CancelSource;
  explicit CancelToken(std::shared_ptr<const CancelState> state)
      : state_(std::move(state)) {}

  std::shared_ptr<const CancelState> state_;
};

// The side that decides. Destroying it does not cancel.
class CancelSource {
 public:
  CancelSource();

  // Idempotent. Never blocks.
  void Cancel();

  CancelToken token() const { return CancelToken(state_); }

 private:
  std::shared_ptr<CancelState> state_;
};

// Blocks for `time`; the error of a token that is cancelled meanwhile.
absl::Status SleepFor(std::chrono::milliseconds time, const CancelToken& token);

}  // namespace bottled

#endif  // BOTTLED_BASE_CANCEL_H_
