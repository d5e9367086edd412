// NativePacker: makes a sidecar without a VM, without root and without a
// registry. Same image, same options, same release: same bytes.
//
// Life cycle: construct → read an archive into layers() → Finish() once. While
// the archive is read, layers are cut and compressed on worker threads, so that
// packing hides behind the engine's own work. Finish() merges, copies every
// frame whose entries all survive as it is, and decodes and cuts again those
// that hold something dead. Memory stays bounded whatever the image's size, but
// for about 200 bytes per entry.
//
// Layers that an earlier pack has compressed may be taken over from there, and
// are left for later packs (kept_layers.h). As far as those are the image's
// lowest, the artifact is begun at once (head_start.h), and Finish() goes on
// from there if nothing above changes them. The bytes are the same either way.

#ifndef BOTTLED_PACK_NATIVE_PACKER_H_
#define BOTTLED_PACK_NATIVE_PACKER_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/archive_reader.h"
#include "image/content_key.h"
#include "image/digest.h"
#include "image/notes.h"
#include "platform/fd.h"

namespace bottled {

class KeptLayers;

// Raise it when the bytes that the packer writes change.
inline constexpr int kNativePackerRevision = 2;
// "native/<revision>", for content keys.
std::string NativePackerName();

// A finished sidecar in the stage directory: complete, not yet synced.
struct PackedSidecar {
  std::filesystem::path path;
  Digest digest;  // SHA-256 of the file
  int64_t size_bytes = 0;
  int64_t unpacked_bytes = 0;  // of the flattened layer's tar
  int64_t entry_count = 0;
  Digest layer_digest;
  std::vector<Note> notes;
};

// Not thread-safe; uses threads of its own.
class NativePacker {
 public:
  struct Options {
    // A private, existing directory on the cache's file system. The spool there
    // has no name and vanishes with the packer.
    std::filesystem::path stage_dir;
    PackOptions pack;
    // Compressing threads; 0 = one per processor, at most 4.
    int threads = 0;
    // Null: nothing is taken over or kept. Must outlive the packer.
    const KeptLayers* kept = nullptr;
    // The layers that may be taken over from there: those of the image, if they
    // are known before it is read.
    std::vector<Digest> reuse = {};
    // PackedSidecar::unpacked_bytes of the image that this one replaces, as far
    // as anybody knows: it may have as many. 0 = nobody does.
    int64_t similar_bytes = 0;
    // Tests let the head start end early.
    size_t max_head_start_frames = SIZE_MAX;
  };
  // Layers that were taken over, and their bytes when unpacked.
  struct Reused {
    int layers = 0;
    int64_t unpacked_bytes = 0;
  };
  enum class Phase { kMerge, kAssemble };
  // `done` of `total` uncompressed bytes.
  using Progress = std::function<void(Phase, int64_t done, int64_t total)>;

  // Opens the spool.
  static absl::StatusOr<std::unique_ptr<NativePacker>> Create(
      const Options& options, CancelToken cancel);
  ~NativePacker();

  // For ReadArchive().
  LayerConsumer& layers();

  // Writes the sidecar of `image`, whose layers were read into layers(). On
  // error no file is left. Errors: UNPACKABLE (an image that no manifest or
  // footer can express), LAYER_INVALID, IMAGE_TOO_LARGE, NO_SPACE, IO_ERROR,
  // CANCELLED, KEPT_LAYER_DAMAGED (of a layer that was taken over: they are all
  // forgotten, so that a new packer without `reuse` succeeds).
  absl::StatusOr<PackedSidecar> Finish(const ArchiveImage& image,
                                       const Progress& progress);

  // Of the layers read so far.
  Reused reused() const;

  // Blocks until the artifact's beginning is written as far as it can be.
  // Finish() waits only until it is planned.
  void WaitForHeadStart() const;
  // Bytes, before compression, of the finished artifact that were written
  // before Finish().
  int64_t head_start_bytes() const;

  // Leaves the layers of the finished image for later packs, once `artifact`,
  // made by Finish(), is published. The stage directory must still be there.
  // What cannot be kept is logged: nothing depends on it.
  void Keep(const Digest& artifact);

 private:
  struct State;
  absl::StatusOr<PackedSidecar> FinishOnce(const ArchiveImage& image,
                                           const Progress& progress);
  explicit NativePacker(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_NATIVE_PACKER_H_
