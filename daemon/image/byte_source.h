// ByteSource: a stream of bytes that is pulled block by block. An engine's
// save stream, a file and a decompressor are byte sources.

#ifndef BOTTLED_IMAGE_BYTE_SOURCE_H_
#define BOTTLED_IMAGE_BYTE_SOURCE_H_

#include <string_view>

#include "absl/status/statusor.h"

namespace bottled {

// Not thread-safe; one reader.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // The next block, valid until the next call; empty at a clean end, after
  // which it stays empty. Blocks until there is data; cancellation and stalls
  // are errors. After an error every further call returns an error.
  virtual absl::StatusOr<std::string_view> Next() = 0;
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_BYTE_SOURCE_H_
