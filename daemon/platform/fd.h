// Fd: an owned file descriptor. Move-only; closes on destruction.

#ifndef BOTTLED_PLATFORM_FD_H_
#define BOTTLED_PLATFORM_FD_H_

#include <unistd.h>

#include <utility>

namespace bottled {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives up ownership.
  int Release() { return std::exchange(fd_, -1); }
  // Closes now. Errors of close() are not seen: call fsync() first where data
  // matters.
  void Reset() {
    if (fd_ >= 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_FD_H_
