#include "jobs/upload_channel.h"

#include <utility>

#include "base/status_macros.h"
#include "jobs/errors.h"

namespace bottled {
namespace {

constexpr std::chrono::milliseconds kLook(100);

}  // namespace

bool UploadChannel::Attach() {
  MutexLock lock(mu_);
  if (sender_ != Sender::kAwaited || reader_gone_) {
    return false;
  }
  sender_ = Sender::kSending;
  return true;
}

absl::StatusOr<bool> UploadChannel::Push(std::string_view data,
                                         const CancelToken& cancel) {
  MutexLock lock(mu_);
  while (!reader_gone_ && waiting_ > 0 &&
         waiting_ + data.size() > kMaxWaiting) {
    RETURN_IF_ERROR(cancel.Check());
    changed_.WaitFor(mu_, kLook);
  }
  RETURN_IF_ERROR(cancel.Check());
  if (reader_gone_) {
    return false;
  }
  // An empty block would look like the end.
  if (!data.empty()) {
    blocks_.emplace_back(data);
    waiting_ += data.size();
    changed_.NotifyAll();
  }
  return true;
}

void UploadChannel::EndSending(bool complete) {
  MutexLock lock(mu_);
  if (sender_ == Sender::kSending) {
    sender_ = complete ? Sender::kComplete : Sender::kVanished;
    changed_.NotifyAll();
  }
}

absl::StatusOr<std::string> UploadChannel::Pop(const CancelToken& cancel) {
  MutexLock lock(mu_);
  while (true) {
    RETURN_IF_ERROR(cancel.Check());
    if (!blocks_.empty()) {
      std::string block = std::move(blocks_.front());
      blocks_.pop_front();
      waiting_ -= block.size();
      changed_.NotifyAll();
      return block;
    }
    switch (sender_) {
      case Sender::kComplete:
        return std::string();
      case Sender::kVanished:
        return UploadBroken("the sender went away before the end");
      case Sender::kAwaited:
        if (std::chrono::steady_clock::now() >= deadline_) {
          sender_ = Sender::kVanished;
          return UploadBroken("nobody sent it in time");
        }
        break;
      case Sender::kSending:
        break;
    }
    changed_.WaitFor(mu_, kLook);
  }
}

void UploadChannel::EndReading() {
  MutexLock lock(mu_);
  reader_gone_ = true;
  blocks_.clear();
  waiting_ = 0;
  changed_.NotifyAll();
}

}  // namespace bottled
