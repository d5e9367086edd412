// What lies in obj/, compared with the rows.

#ifndef BOTTLED_STORE_OBJECT_SCAN_H_
#define BOTTLED_STORE_OBJECT_SCAN_H_

#include <cstdint>
#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "image/digest.h"
#include "platform/places.h"
#include "store/index.h"

namespace bottled {

// Something in obj/<aa>/ that has no row.
struct Orphan {
  std::filesystem::path path;
  // Empty for a name that is no object's.
  Digest digest;
  int64_t bytes = 0;
};

struct ObjectScan {
  std::vector<Orphan> orphans;
  // Objects with a row, but without a record.
  std::vector<Digest> unrecorded;
  std::vector<std::filesystem::path> records_alone;
  int64_t total_bytes = 0;
  int64_t orphan_bytes = 0;
  // What in obj/ is no directory of ours.
  std::vector<std::filesystem::path> foreign;
};

// Compares names with rows; what changes meanwhile may be reported wrongly.
// Blocks for the directories; thread-safe. Reason IO_ERROR and those of Index.
absl::StatusOr<ObjectScan> ScanObjects(const Places& places, Index& index);

}  // namespace bottled

#endif  // BOTTLED_STORE_OBJECT_SCAN_H_
