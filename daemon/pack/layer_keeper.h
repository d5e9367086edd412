// Writes what a pack leaves of one layer: see kept_layer.h. Private to pack/.

#ifndef BOTTLED_PACK_LAYER_KEEPER_H_
#define BOTTLED_PACK_LAYER_KEEPER_H_

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"
#include "image/digest.h"
#include "image/layer_blob.h"
#include "pack/assembly.h"
#include "pack/frame_pool.h"
#include "pack/kept_layers.h"
#include "pack/layer_cutter.h"

namespace bottled {

class LayerKeeper {
 public:
  struct Deps {
    const KeptLayers& layers;
    const FramePool& pool;
    int spool_fd = -1;
    std::filesystem::path stage_dir;
    // The published artifact, and which frames are in it. The spool need not
    // have those any more.
    Digest artifact;
    const PlacedFrames& placed;
  };
  explicit LayerKeeper(const Deps& deps) : deps_(deps) {}

  // Does nothing for a layer whose frames that are not in the artifact are too
  // large for the share of the disk that layers have. Small layers are kept
  // like others: they save little, but a head start ends at the first one that
  // is not. Blocks. Errors of the file system, KEPT_LAYER_DAMAGED.
  absl::Status Keep(const LayerBlob& blob, const CutLayer& layer) const;

 private:
  absl::Status Write(int fd, const LayerBlob& blob,
                     const CutLayer& layer) const;

  const Deps deps_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_LAYER_KEEPER_H_
