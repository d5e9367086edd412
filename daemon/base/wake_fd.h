// WakeFd: a descriptor that is not readable until Wake() was called, and is
// readable for ever after. The pollable half of a cancellation.
//
// eventfd on Linux, a pipe on macOS. Thread-safe.

#ifndef BOTTLED_BASE_WAKE_FD_H_
#define BOTTLED_BASE_WAKE_FD_H_

namespace bottled {

class WakeFd {
 public:
  WakeFd();
  ~WakeFd();
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;

  // Never blocks.
  void Wake();

  // For poll(). -1 when the process had no descriptor left.
  int fd() const { return read_fd_; }

 private:
  int read_fd_ = -1;
  int write_fd_ = -1;
};

}  // namespace bottled

#endif  // BOTTLED_BASE_WAKE_FD_H_
