#include "pack/head_start.h"

#include <cstdint>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "image/merge.h"
#include "pack/sidecar.h"
#include "pack/sidecar_ends.h"

namespace bottled {
namespace {

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
    assembly_.reset();
  }
  if (assembly_ != nullptr) {
    assembly_->Undirect();
  }
  return std::move(assembly_);
}

absl::Status HeadStart::Write() {
  std::vector<const LayerEntries*> entries;
  for (const CutLayer* const layer : options_.layers) {
    entries.push_back(&layer->entries);
  }
  ASSIGN_OR_RETURN(const MergedTree tree, MergeLayers(entries));
  if (stop_) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const FramePlan plan,
                   PlanFirstFrames({.spool_fd = options_.spool_fd,
                                    .pool = options_.pool,
                                    .texts = options_.texts,
                                    .cancel = options_.cancel},
                                   tree, options_.layers, options_.layer_digest,
                                   LayerBytesOf(options_.similar_fd)));
  // The memory is the engine's now: it writes a copy of the whole image.
  ASSIGN_OR_RETURN(assembly_, Assembly::Create(options_.path, options_.spool_fd,
                                               options_.pool, /*direct=*/true));
  for (const int frame : plan.frames) {
    if (stop_) {
      break;
    }
    RETURN_IF_ERROR(
        assembly_->Append(frame, /*last_use=*/false, options_.cancel));
  }
  return absl::OkStatus();
}

}  // namespace bottled
