#include "image/layer_blob.h"

#include "fmt/format.h"
#include "image/errors.h"

namespace bottled {

absl::StatusOr<Digest> HashedSource::Finish(const CancelToken& cancel) {
  while (true) {
    RETURN_IF_ERROR(cancel.Check());
    ASSIGN_OR_RETURN(const std::string_view block, Next());
    if (block.empty()) {
      return hasher_.Finish();
    }
  }
}

absl::StatusOr<bool> ReadKnownBlob(ByteSource& source, const LayerBlob& known,
                                   LayerBudget& budget,
                                   const CancelToken& cancel) {
  const ImageLimits& limits = budget.limits;
  if (known.entries > limits.max_entries - budget.entries) {
    return ImageTooLarge(fmt::format("{} entries", limits.max_entries));
  }
  if (known.unpacked_bytes >
          limits.max_unpacked_bytes - budget.unpacked_bytes ||
      known.content_bytes > limits.max_unpacked_bytes - budget.content_bytes) {
    return ImageTooLarge(fmt::format("{} bytes", limits.max_unpacked_bytes));
  }
  HashedSource hashed(source);
  ASSIGN_OR_RETURN(const Digest digest, hashed.Finish(cancel));
  budget.entries += known.entries;
  budget.unpacked_bytes += known.unpacked_bytes;
  budget.content_bytes += known.content_bytes;
  return digest == known.stored_digest;
}

}  // namespace bottled
