// UploadChannel: a bounded queue of bytes between the call that receives an
// upload and the job that reads it.
//
// In memory and not a pipe: no descriptors, no SIGPIPE, and a sender's clean
// end can be told from its disappearance. Waiting sides look at their token ten
// times a second.

#ifndef BOTTLED_JOBS_UPLOAD_CHANNEL_H_
#define BOTTLED_JOBS_UPLOAD_CHANNEL_H_

#include <chrono>
#include <deque>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"

namespace bottled {

// Thread-safe for one sender and one reader.
class UploadChannel {
 public:
  // At most this many bytes wait, or one larger block.
  static constexpr size_t kMaxWaiting = size_t{2} << 20;

  // The sender must come before `deadline`.
  explicit UploadChannel(std::chrono::steady_clock::time_point deadline)
      : deadline_(deadline) {}

  // --- sender --------------------------------------------------------------
  // Once; false when a sender came before, or the reader went.
  bool Attach();
  // Blocks while the queue is full. False when the reader went.
  absl::StatusOr<bool> Push(std::string_view data, const CancelToken& cancel);
  // `complete`: the archive ends here; else the sender vanished. The first call
  // counts.
  void EndSending(bool complete);

  // --- reader --------------------------------------------------------------
  // The next block; empty at the complete end. Reasons UPLOAD_BROKEN,
  // CANCELLED.
  absl::StatusOr<std::string> Pop(const CancelToken& cancel);
  void EndReading();

 private:
  enum class Sender { kAwaited, kSending, kComplete, kVanished };

  // Constant after construction.
  const std::chrono::steady_clock::time_point deadline_;

  Mutex mu_;
  CondVar changed_;
  Sender sender_ ABSL_GUARDED_BY(mu_) = Sender::kAwaited;
  bool reader_gone_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<std::string> blocks_ ABSL_GUARDED_BY(mu_);
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_UPLOAD_CHANNEL_H_
