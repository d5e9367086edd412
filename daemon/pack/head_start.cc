#include "pack/head_start.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "image/merge.h"
#include "image/tar_writer.h"
#include "pack/sidecar.h"
#include "pack/sidecar_ends.h"

namespace bottled {
namespace {

// False for what another packer made.
bool IsPadded(int64_t layer_bytes) {
  return layer_bytes >= kTarEndBytes &&
         PaddedLayerBytes(layer_bytes - kTarEndBytes) == layer_bytes;
}

// 0 when it does not tell.
int64_t LayerBytesOf(int artifact_fd) {
  const absl::StatusOr<SidecarEnds> ends = ReadSidecarEnds(artifact_fd);
  if (!ends.ok()) {
    return 0;
  }
  const absl::StatusOr<SidecarManifest> manifest =
      DecodeManifest(ends->manifest_json);
  return manifest.ok() ? manifest->layer_size : 0;
}

}  // namespace

HeadStart::HeadStart(Options options)
    : options_(std::move(options)), thread_([this] { status_ = Write(); }) {}

HeadStart::~HeadStart() { Take(); }

void HeadStart::Wait() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::unique_ptr<Assembly> HeadStart::Take() {
  stop_ = true;
  Wait();
  if (!status_.ok()) {
    if (!absl::IsCancelled(status_)) {
      Log("pack")->info("no head start: {}",
                        Printable(std::string(status_.message())));
    }
    status_ = absl::OkStatus();
    assembly_.reset();
  }
  if (assembly_ != nullptr) {
    assembly_->EndDirect();
  }
  return std::move(assembly_);
}

absl::StatusOr<FramePlan> HeadStart::Plan() const {
  std::vector<const LayerEntries*> entries;
  for (const CutLayer* const layer : options_.layers) {
    entries.push_back(&layer->entries);
  }
  ASSIGN_OR_RETURN(const MergedTree tree, MergeLayers(entries));
  if (stop_) {
    return FramePlan();
  }
  return PlanFirstFrames({.spool_fd = options_.spool_fd,
                          .pool = options_.pool,
                          .written = options_.written,
                          .cancel = options_.cancel},
                         tree, options_.layers, options_.layer_digest,
                         IsPadded(options_.layer_bytes)
                             ? options_.layer_bytes
                             : LayerBytesOf(options_.similar_fd));
}

absl::Status HeadStart::Write() {
  ASSIGN_OR_RETURN(const FramePlan plan, Plan());
  // The memory is the engine's now: it writes a copy of the whole image. And
  // nobody reads the earlier artifact for its frames once this one has them.
  ASSIGN_OR_RETURN(assembly_, Assembly::Create(options_.path, options_.spool_fd,
                                               options_.pool, /*direct=*/true));
  const size_t count = std::min(plan.frames.size(), options_.max_frames);
  for (size_t i = 0; i < count && !stop_; ++i) {
    RETURN_IF_ERROR(
        assembly_->Append(plan.frames[i], /*last_use=*/false, options_.cancel));
  }
  return absl::OkStatus();
}

}  // namespace bottled
