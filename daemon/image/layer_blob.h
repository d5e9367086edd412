// LayerBlob: a layer as an archive stores it, and what came of reading it.
// Whoever has read a blob knows the layer in the same bytes without unpacking,
// parsing and cutting it again: hashing is enough.

#ifndef BOTTLED_IMAGE_LAYER_BLOB_H_
#define BOTTLED_IMAGE_LAYER_BLOB_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/status_macros.h"
#include "image/byte_source.h"
#include "image/digest.h"
#include "image/layer_reader.h"

namespace bottled {

// So much of a blob tells it from others, as a hint.
inline constexpr size_t kBlobHeadBytes = size_t{64} << 10;

struct LayerBlob {
  // As the archive has it, compressed or not.
  int64_t stored_bytes = 0;
  Digest head;  // of the first kBlobHeadBytes, or of all of a shorter one
  Digest stored_digest;
  // After unpacking; what it took of the budget.
  Digest diff_id;
  int64_t unpacked_bytes = 0;
  int64_t entries = 0;
  int64_t content_bytes = 0;

  bool operator==(const LayerBlob&) const = default;
};

// Hashes what passes.
class HashedSource : public ByteSource {
 public:
  explicit HashedSource(ByteSource& source) : source_(source) {}

  absl::StatusOr<std::string_view> Next() override {
    ASSIGN_OR_RETURN(const std::string_view block, source_.Next());
    hasher_.Update(block);
    return block;
  }

  // Takes what is left, and gives the digest of all. Call once.
  absl::StatusOr<Digest> Finish(const CancelToken& cancel);

 private:
  ByteSource& source_;
  Sha256 hasher_;
};

// Reads the rest of `source` and charges `budget` as ReadLayer() would. True
// when the bytes are those of `known`. IMAGE_TOO_LARGE, CANCELLED, or what
// `source` returns.
absl::StatusOr<bool> ReadKnownBlob(ByteSource& source, const LayerBlob& known,
                                   LayerBudget& budget,
                                   const CancelToken& cancel);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_LAYER_BLOB_H_
