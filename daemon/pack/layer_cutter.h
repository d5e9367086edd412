// LayerCutter: turns the entries of layers, as they arrive, into blocks of
// normalised tar and has them compressed.
//
// Cuts fall on entry boundaries: a block is closed by the first entry that
// would make it larger than kBlockBytes. An entry larger than that starts a
// block of its own and is cut at every multiple of kBlockBytes, and nothing
// follows it in its last block. So cuts depend on the layer's content alone,
// and a deleted large file drops whole frames. Directories, whiteouts and
// opaque markers go into no block.
//
// A layer that an earlier pack has cut (kept_layer.h) is not cut again.

#ifndef BOTTLED_PACK_LAYER_CUTTER_H_
#define BOTTLED_PACK_LAYER_CUTTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/archive_reader.h"
#include "image/layer_reader.h"
#include "pack/cut_layer.h"
#include "pack/frame_pool.h"
#include "pack/kept_layers.h"

namespace bottled {

// Uncompressed size of a block; docs/performance.md says why.
inline constexpr int64_t kBlockBytes = int64_t{4} << 20;

// Not thread-safe.
class LayerCutter : public LayerConsumer {
 public:
  // `pool` must outlive the cutter. Blobs that look like one of `kept`, and
  // like no other of them, are recognised.
  LayerCutter(FramePool& pool, CancelToken cancel,
              std::vector<OpenKeptLayer> kept = {});
  ~LayerCutter() override;

  absl::StatusOr<EntryVisitor*> BeginLayer() override;
  absl::StatusOr<int> EndLayer(bool valid) override;
  void Identify(int handle, const LayerBlob& blob) override;
  const LayerBlob* Recognise(int64_t stored_bytes, const Digest& head) override;
  absl::StatusOr<int> TakeKnown(const LayerBlob& known) override;

  // By handle. Valid after EndLayer() or TakeKnown().
  const CutLayer& layer(int handle) const { return *layers_[handle]; }
  // Its blob, if an archive said which; else nullptr.
  const LayerBlob* blob(int handle) const;
  // The blobs of the layers that were recognised and taken.
  std::vector<LayerBlob> Taken() const;

  // A kept layer, whether an archive had it or not, and the artifact that has
  // its frames, not owned; null when there is none. What they point to stays
  // as it is for the cutter's life, and may be read by any thread.
  struct Known {
    const CutLayer* layer = nullptr;
    int artifact_fd = -1;
  };
  Known Find(const Digest& diff_id) const;

 private:
  class Visitor;

  // Of a kept layer, each of which is there once; -1 when there is none.
  int HandleOf(const Digest& diff_id) const;

  // Constant after construction.
  FramePool& pool_;
  const CancelToken cancel_;

  std::vector<std::unique_ptr<CutLayer>> layers_;
  std::map<int, LayerBlob> blobs_;
  std::unique_ptr<Visitor> current_;
  // Their files stay open for the frames that the pool has adopted. The handle
  // of each is its index.
  std::vector<OpenKeptLayer> kept_;
  std::set<int> taken_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_LAYER_CUTTER_H_
