// Reads one layer: unpacks it, hashes the unpacked bytes and hands its entries
// to a visitor, all in one pass.

#ifndef BOTTLED_IMAGE_LAYER_READER_H_
#define BOTTLED_IMAGE_LAYER_READER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/byte_source.h"
#include "image/digest.h"
#include "image/entry.h"
#include "image/limits.h"

namespace bottled {

// Receives the entries of a layer in order. An error ends the reading.
class EntryVisitor {
 public:
  virtual ~EntryVisitor() = default;

  virtual absl::Status OnEntry(const Entry& entry) = 0;
  // Content of the last entry, a kFile: called until exactly entry.size bytes
  // were given. Holes of sparse files arrive as zeros.
  virtual absl::Status OnData(std::string_view data) = 0;
};

// What the layers of one archive used of the limits so far.
struct LayerBudget {
  ImageLimits limits;
  int64_t entries = 0;
  int64_t unpacked_bytes = 0;
  // Content with the holes of sparse files, bounded like unpacked_bytes.
  int64_t content_bytes = 0;
};

struct LayerInfo {
  // SHA-256 of the uncompressed tar: OCI's diff ID.
  Digest diff_id;
  int64_t unpacked_bytes = 0;
};

// Reads `source` to its end. It may be a plain tar, gzip (any number of
// members) or zstd (any number of frames), told apart by content; media types
// lie. Trailing bytes after the tar's end belong to the diff ID.
// Names are normalised as Entry says ("./x" and "/x" become "x"; the root's own
// entry is left out). Errors: LAYER_INVALID (not a tar, "..", a name that is
// too long, a link without target, an entry type that no image has),
// LAYER_TRUNCATED, IMAGE_TOO_LARGE, or what source and visitor return.
absl::StatusOr<LayerInfo> ReadLayer(ByteSource& source, LayerBudget& budget,
                                    EntryVisitor& visitor,
                                    const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_LAYER_READER_H_
