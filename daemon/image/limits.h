// Bounds on what an image may contain, against tar bombs and because smolvm has
// the same two limits (2 000 000 entries, 128 GiB).

#ifndef BOTTLED_IMAGE_LIMITS_H_
#define BOTTLED_IMAGE_LIMITS_H_

#include <cstdint>

namespace bottled {

struct ImageLimits {
  // Entries of all layers together.
  int64_t max_entries = 2'000'000;
  // Uncompressed bytes of all layer tars together, dead ones included.
  int64_t max_unpacked_bytes = int64_t{128} << 30;
  // Bytes of one JSON document inside an archive.
  int64_t max_json_bytes = int64_t{16} << 20;
  // Members of the outer archive.
  int64_t max_archive_members = 100'000;
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_LIMITS_H_
