// Fuzzer input as a ByteSource.

#ifndef BOTTLED_TESTS_FUZZ_BYTES_H_
#define BOTTLED_TESTS_FUZZ_BYTES_H_

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "image/byte_source.h"

namespace bottled {

inline std::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Gives blocks of `block` bytes, so that boundaries fall everywhere.
class BytesSource : public ByteSource {
 public:
  BytesSource(std::string_view bytes, size_t block)
      : bytes_(bytes), block_(block) {}

  absl::StatusOr<std::string_view> Next() override {
    const std::string_view out = bytes_.substr(0, block_);
    bytes_.remove_prefix(out.size());
    return out;
  }

 private:
  std::string_view bytes_;
  const size_t block_;
};

}  // namespace bottled

#endif  // BOTTLED_TESTS_FUZZ_BYTES_H_
