// KeptLayer: what a pack leaves of a layer for later packs, and its file.
// Private to pack/, but for KeptLayers.
//
// The frames themselves lie in the artifact of that pack, where they cost
// nothing; only those that did not get there whole are in the layer's own file:
//
//   [frames][body][trailer: artifact, body's size, SHA-256, mark]
//
// Every frame has a CRC-32 in the body, the body and the trailer a SHA-256, so
// nothing needs to be synced: what a crash left half-written is not used.

#ifndef BOTTLED_PACK_KEPT_LAYER_H_
#define BOTTLED_PACK_KEPT_LAYER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/digest.h"
#include "image/layer_blob.h"
#include "pack/cut_layer.h"

namespace bottled {

// Where the frame of one block is.
struct KeptFrame {
  bool in_artifact = true;  // else in the layer's own file
  int64_t offset = 0;
  uint32_t size = 0;
  uint32_t raw_size = 0;
  uint32_t crc32 = 0;

  bool operator==(const KeptFrame&) const = default;
};

struct KeptLayer {
  LayerBlob blob;
  // Its SHA-256, which is its name.
  Digest artifact;
  // CutBlock::frame is an index into `frames`.
  CutLayer layer;
  std::vector<KeptFrame> frames;
};

// The larger ones are not kept; some 200 000 entries.
inline constexpr int64_t kMaxKeptBodyBytes = int64_t{32} << 20;
inline constexpr int64_t kKeptTrailerBytes = 32 + 8 + 32 + 8;

struct KeptTrailer {
  Digest artifact;
  int64_t body_bytes = 0;
  std::string sha256;  // 32 bytes, of the body and of what is before this
};

std::string EncodeKeptBody(const LayerBlob& blob, const CutLayer& layer,
                           const std::vector<KeptFrame>& frames);
std::string EncodeKeptTrailer(const Digest& artifact, std::string_view body);

// `bytes` are kKeptTrailerBytes. Both: KEPT_LAYER_DAMAGED for what was not
// written by the functions above.
absl::StatusOr<KeptTrailer> DecodeKeptTrailer(std::string_view bytes);
absl::StatusOr<KeptLayer> DecodeKeptBody(std::string_view body,
                                         const KeptTrailer& trailer);

}  // namespace bottled

#endif  // BOTTLED_PACK_KEPT_LAYER_H_
