#include "pack/layer_keeper.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "pack/frame_file.h"
#include "pack/kept_layer.h"
#include "platform/file.h"
#include "platform/file_hints.h"

namespace bottled {
namespace {

// Of what is free on the disk.
constexpr int64_t kFreeShare = 8;

}  // namespace

absl::Status LayerKeeper::Keep(const LayerBlob& blob,
                               const CutLayer& layer) const {
  const KeptLayers::Options& options = deps_.layers.options();
  int64_t own_bytes = 0;
  for (const CutBlock& block : layer.blocks) {
    if (!deps_.placed.contains(block.frame)) {
      own_bytes += deps_.pool.frame(block.frame).size;
    }
  }
  ASSIGN_OR_RETURN(const int64_t free, FreeBytes(deps_.stage_dir));
  if (own_bytes > std::min(options.max_bytes, free / kFreeShare)) {
    return absl::OkStatus();
  }
  return deps_.layers.Save(blob.diff_id, deps_.stage_dir,
                           [&](int fd) { return Write(fd, blob, layer); });
}

absl::Status LayerKeeper::Write(int fd, const LayerBlob& blob,
                                const CutLayer& layer) const {
  std::vector<KeptFrame> frames;
  std::string bytes;
  int64_t end = 0;
  for (const CutBlock& block : layer.blocks) {
    const Frame frame = deps_.pool.frame(block.frame);
    KeptFrame& kept = frames.emplace_back();
    kept.size = frame.size;
    kept.raw_size = frame.raw_size;
    const auto placed = deps_.placed.find(block.frame);
    if (placed != deps_.placed.end()) {
      kept.offset = placed->second.offset;
      kept.crc32 = placed->second.crc32;
      continue;
    }
    kept.in_artifact = false;
    kept.offset = end;
    bytes.resize(frame.size);
    ASSIGN_OR_RETURN(kept.crc32, ReadFrame(deps_.spool_fd, frame, bytes));
    RETURN_IF_ERROR(WriteAll(fd, bytes));
    end += frame.size;
    if (frame.kept_fd < 0) {
      // So that it does not lie there twice.
      DiscardRange(deps_.spool_fd, frame.offset, frame.size);
    }
  }
  const std::string body = EncodeKeptBody(blob, layer, frames);
  if (static_cast<int64_t>(body.size()) > kMaxKeptBodyBytes) {
    return absl::ResourceExhaustedError("the layer has too many entries");
  }
  RETURN_IF_ERROR(WriteAll(fd, body));
  return WriteAll(fd, EncodeKeptTrailer(deps_.artifact, body));
}

}  // namespace bottled
