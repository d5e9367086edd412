// Direct I/O: what is written goes to the medium past the system's memory,
// where other programs' files stay instead. Whoever reads it then reads from
// the medium.
//
// Linux: O_DIRECT of open(2). macOS: F_NOCACHE of fcntl(2).

#ifndef BOTTLED_PLATFORM_DIRECT_IO_H_
#define BOTTLED_PLATFORM_DIRECT_IO_H_

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace bottled {

// While it is on, each write needs a multiple of this as address, offset and
// size; else it may fail with EINVAL. As large as any sector or page here.
inline constexpr size_t kDirectAlignment = 4096;

// Turns it on or off for all users of this open file. False where the file
// system cannot do it; a write may still fail with EINVAL where it says that
// it can. Thread-safe.
bool SetDirectIo(int fd, bool on);

// Bytes at an aligned address, not initialised. A moved one is empty.
class DirectBuffer {
 public:
  DirectBuffer() = default;
  explicit DirectBuffer(size_t bytes)
      : data_(new(std::align_val_t(kDirectAlignment)) char[bytes]),
        bytes_(bytes) {}
  DirectBuffer(DirectBuffer&& other) noexcept
      : data_(std::move(other.data_)), bytes_(std::exchange(other.bytes_, 0)) {}
  DirectBuffer& operator=(DirectBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }

  char* data() const { return data_.get(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(char* data) const {
      ::operator delete[](data, std::align_val_t(kDirectAlignment));
    }
  };

  std::unique_ptr<char[], Free> data_;
  size_t bytes_ = 0;
};

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_DIRECT_IO_H_
