// Records beside objects, from which an index is rebuilt.

#include <cstdlib>

#include "fuzz/bytes.h"
#include "store/object_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bottled;
  const absl::StatusOr<ArtifactRecord> record =
      DecodeObjectRecord(AsText(data, size));
  if (record.ok() && !DecodeObjectRecord(EncodeObjectRecord(*record)).ok()) {
    std::abort();
  }
  return 0;
}
