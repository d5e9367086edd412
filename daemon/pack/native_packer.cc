#include "pack/native_packer.h"

#include <algorithm>
#include <set>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "image/chain_id.h"
#include "image/merge.h"
#include "pack/assembly.h"
#include "pack/errors.h"
#include "pack/frame_plan.h"
#include "pack/frame_pool.h"
#include "pack/head_start.h"
#include "pack/kept_layers.h"
#include "pack/layer_cutter.h"
#include "pack/layer_keeper.h"
#include "pack/sidecar.h"
#include "platform/file.h"

namespace bottled {
namespace {

constexpr int kMaxThreads = 4;

int Threads(int wanted) {
  if (wanted > 0) {
    return wanted;
  }
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(processors, 1, kMaxThreads);
}

bool StartsWith(std::span<const int> frames, std::span<const int> first) {
  return first.size() <= frames.size() &&
         std::equal(first.begin(), first.end(), frames.begin());
}

std::vector<OpenKeptLayer> LoadKept(const NativePacker::Options& options) {
  return options.kept == nullptr ? std::vector<OpenKeptLayer>()
                                 : options.kept->Load(options.reuse);
}

}  // namespace

std::string NativePackerName() {
  return fmt::format("native/{}", kNativePackerRevision);
}

struct NativePacker::State {
  State(const Options& opts, Fd spool_fd, CancelToken token)
      : options(opts),
        cancel(std::move(token)),
        spool(std::move(spool_fd)),
        pool({.spool_fd = spool.get(), .threads = Threads(opts.threads)}),
        written(pool),
        cutter(pool, cancel, LoadKept(options)) {}

  std::filesystem::path ArtifactPath() const {
    return options.stage_dir / "artifact.smolmachine";
  }
  // With the lowest layers, as far as they are kept.
  void BeginHeadStart();
  // `begun` is how an artifact may begin; null = nothing.
  absl::StatusOr<PackedSidecar> Write(const FramePlan& plan,
                                      std::unique_ptr<Assembly> begun,
                                      const ArchiveImage& image,
                                      const Digest& layer_digest,
                                      const Progress& progress);

  const Options options;
  const CancelToken cancel;
  const Fd spool;
  FramePool pool;
  WrittenFrames written;
  LayerCutter cutter;
  std::unique_ptr<HeadStart> head_start;
  int64_t head_start_bytes = 0;
  // Of the finished image.
  std::vector<int> handles;
  PlacedFrames placed;
};

absl::StatusOr<std::unique_ptr<NativePacker>> NativePacker::Create(
    const Options& options, CancelToken cancel) {
  ASSIGN_OR_RETURN(Fd spool, OpenUnnamedFile(options.stage_dir));
  auto state =
      std::make_unique<State>(options, std::move(spool), std::move(cancel));
  state->BeginHeadStart();
  return std::unique_ptr<NativePacker>(new NativePacker(std::move(state)));
}

NativePacker::NativePacker(std::unique_ptr<State> state)
    : state_(std::move(state)) {}

NativePacker::~NativePacker() = default;

LayerConsumer& NativePacker::layers() { return state_->cutter; }

absl::StatusOr<PackedSidecar> NativePacker::Finish(const ArchiveImage& image,
                                                   const Progress& progress) {
  absl::StatusOr<PackedSidecar> packed = FinishOnce(image, progress);
  state_->head_start.reset();
  if (HasReason(packed.status(), kKeptLayerDamaged)) {
    for (const LayerBlob& blob : state_->cutter.Taken()) {
      state_->options.kept->Forget(blob.diff_id);
    }
  }
  return packed;
}

NativePacker::Reused NativePacker::reused() const {
  Reused reused;
  for (const LayerBlob& blob : state_->cutter.Taken()) {
    ++reused.layers;
    reused.unpacked_bytes += blob.unpacked_bytes;
  }
  return reused;
}

void NativePacker::WaitForHeadStart() const {
  if (state_->head_start != nullptr) {
    state_->head_start->Wait();
  }
}

int64_t NativePacker::head_start_bytes() const {
  return state_->head_start_bytes;
}

void NativePacker::Keep(const Digest& artifact) {
  if (state_->options.kept == nullptr) {
    return;
  }
  const LayerKeeper keeper({.layers = *state_->options.kept,
                            .pool = state_->pool,
                            .spool_fd = state_->spool.get(),
                            .stage_dir = state_->options.stage_dir,
                            .artifact = artifact,
                            .placed = state_->placed});
  for (const int handle :
       std::set<int>(state_->handles.begin(), state_->handles.end())) {
    const LayerBlob* const blob = state_->cutter.blob(handle);
    const absl::Status status =
        blob == nullptr ? absl::OkStatus()
                        : keeper.Keep(*blob, state_->cutter.layer(handle));
    if (HasReason(status, kKeptLayerDamaged)) {
      state_->options.kept->Forget(blob->diff_id);
    }
    if (!status.ok()) {
      Log("pack")->info("{} is not kept: {}", blob->diff_id.ToString(),
                        Printable(std::string(status.message())));
    }
  }
  state_->options.kept->KeepToLimit();
}

absl::StatusOr<PackedSidecar> NativePacker::FinishOnce(
    const ArchiveImage& image, const Progress& progress) {
  state_->handles = image.layers;
  RETURN_IF_ERROR(state_->pool.Drain(state_->cancel));
  std::vector<const CutLayer*> layers;
  std::vector<const LayerEntries*> entries;
  for (const int handle : image.layers) {
    layers.push_back(&state_->cutter.layer(handle));
    entries.push_back(&layers.back()->entries);
  }
  progress(Phase::kMerge, 0, 0);
  ASSIGN_OR_RETURN(MergedTree tree, MergeLayers(entries));
  RETURN_IF_ERROR(state_->cancel.Check());
  const Digest layer_digest = ChainId(image.config.diff_ids);
  // Before what it has written is used here.
  std::unique_ptr<Assembly> begun =
      state_->head_start == nullptr ? nullptr : state_->head_start->Take();
  ASSIGN_OR_RETURN(const FramePlan plan,
                   PlanFrames({.spool_fd = state_->spool.get(),
                               .pool = state_->pool,
                               .written = state_->written,
                               .cancel = state_->cancel},
                              tree, layers, layer_digest));
  ASSIGN_OR_RETURN(
      PackedSidecar packed,
      state_->Write(plan, std::move(begun), image, layer_digest, progress));
  packed.entry_count = tree.entry_count;
  packed.notes = std::move(tree.notes);
  return packed;
}

void NativePacker::State::BeginHeadStart() {
  std::vector<const CutLayer*> layers;
  int similar_fd = -1;
  for (const Digest& diff_id : options.reuse) {
    const LayerCutter::Known known = cutter.Find(diff_id);
    if (known.layer == nullptr) {
      break;
    }
    layers.push_back(known.layer);
    similar_fd = known.artifact_fd;
  }
  if (layers.empty()) {
    return;
  }
  head_start = std::make_unique<HeadStart>(
      HeadStart::Options{.path = ArtifactPath(),
                         .spool_fd = spool.get(),
                         .pool = pool,
                         .written = written,
                         .layers = std::move(layers),
                         .layer_digest = ChainId(options.reuse),
                         .layer_bytes = options.similar_bytes,
                         .similar_fd = similar_fd,
                         .max_frames = options.max_head_start_frames,
                         .cancel = cancel});
}

absl::StatusOr<PackedSidecar> NativePacker::State::Write(
    const FramePlan& plan, std::unique_ptr<Assembly> begun,
    const ArchiveImage& image, const Digest& layer_digest,
    const Progress& progress) {
  const SidecarManifest manifest =
      MakeManifest(image.config, image.config_digest, options.pack,
                   layer_digest, plan.layer_bytes);
  ASSIGN_OR_RETURN(const std::string manifest_json, EncodeManifest(manifest));
  std::unique_ptr<Assembly> assembly = std::move(begun);
  if (assembly != nullptr && !StartsWith(plan.frames, assembly->frames())) {
    Log("pack")->info(
        "the head start of {} bytes is of no use: upper layers change what it "
        "has, or how large the image is",
        assembly->size());
    // It removes a file of the same name.
    assembly.reset();
  }
  if (assembly == nullptr) {
    ASSIGN_OR_RETURN(assembly,
                     Assembly::Create(ArtifactPath(), spool.get(), pool,
                                      /*direct=*/false));
  }
  head_start_bytes = assembly->raw_bytes();
  const std::span<const int> rest =
      std::span(plan.frames).subspan(assembly->frames().size());
  std::unordered_map<int, int> uses_left;
  for (const int number : rest) {
    ++uses_left[number];
  }
  for (const int number : rest) {
    RETURN_IF_ERROR(assembly->Append(number, --uses_left[number] == 0, cancel));
    progress(Phase::kAssemble,
             std::min(assembly->raw_bytes(), plan.layer_bytes),
             plan.layer_bytes);
  }
  PackedSidecar packed{.path = assembly->path(),
                       .unpacked_bytes = plan.layer_bytes,
                       .layer_digest = layer_digest};
  ASSIGN_OR_RETURN(packed.digest, assembly->Finish(manifest_json));
  packed.size_bytes = assembly->size();
  placed = assembly->TakePlaced();
  return packed;
}

}  // namespace bottled
