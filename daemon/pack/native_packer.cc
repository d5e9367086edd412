#include "pack/native_packer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "image/chain_id.h"
#include "image/merge.h"
#include "pack/artifact_writer.h"
#include "pack/errors.h"
#include "pack/frame_file.h"
#include "pack/frame_plan.h"
#include "pack/frame_pool.h"
#include "pack/kept_layers.h"
#include "pack/layer_cutter.h"
#include "pack/layer_keeper.h"
#include "pack/sidecar.h"
#include "platform/file.h"
#include "platform/file_hints.h"

namespace bottled {
namespace {

constexpr int kMaxThreads = 4;
constexpr size_t kCopyBytes = size_t{1} << 20;

int Threads(int wanted) {
  if (wanted > 0) {
    return wanted;
  }
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(processors, 1, kMaxThreads);
}

// Gathers frames into chunks of about kCopyBytes, so that many small frames do
// not mean many small writes.
class FrameCopier {
 public:
  FrameCopier(int spool_fd, ArtifactWriter& writer)
      : spool_fd_(spool_fd), writer_(writer) {}

  absl::StatusOr<PlacedFrame> Add(const Frame& frame) {
    const size_t end = used_ + frame.size;
    if (chunk_.size() < end) {
      chunk_.resize(std::max(end, kCopyBytes));
    }
    PlacedFrame placed{.offset = writer_.size() + static_cast<int64_t>(used_)};
    ASSIGN_OR_RETURN(placed.crc32, ReadFrame(spool_fd_, frame,
                                             std::span<char>(chunk_).subspan(
                                                 used_, frame.size)));
    crc32_ = JoinCrc32(crc32_, placed.crc32, frame.size);
    used_ = end;
    if (used_ >= kCopyBytes) {
      RETURN_IF_ERROR(Flush());
    }
    return placed;
  }

  absl::Status Flush() {
    if (used_ == 0) {
      return absl::OkStatus();
    }
    chunk_.resize(std::exchange(used_, 0));
    RETURN_IF_ERROR(writer_.Write(std::move(chunk_), std::exchange(crc32_, 0)));
    chunk_ = writer_.TakeBuffer();
    return absl::OkStatus();
  }

 private:
  const int spool_fd_;
  ArtifactWriter& writer_;
  std::string chunk_;
  size_t used_ = 0;
  uint32_t crc32_ = 0;  // of what is used
};

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
        cutter(pool, cancel, LoadKept(options)) {}

  absl::StatusOr<PackedSidecar> Write(const FramePlan& plan,
                                      const ArchiveImage& image,
                                      const Digest& layer_digest,
                                      const Progress& progress);

  const Options options;
  const CancelToken cancel;
  const Fd spool;
  FramePool pool;
  LayerCutter cutter;
  // Of the finished image.
  std::vector<int> handles;
  PlacedFrames placed;
};

absl::StatusOr<std::unique_ptr<NativePacker>> NativePacker::Create(
    const Options& options, CancelToken cancel) {
  ASSIGN_OR_RETURN(Fd spool, OpenUnnamedFile(options.stage_dir));
  return std::unique_ptr<NativePacker>(new NativePacker(
      std::make_unique<State>(options, std::move(spool), std::move(cancel))));
}

NativePacker::NativePacker(std::unique_ptr<State> state)
    : state_(std::move(state)) {}

NativePacker::~NativePacker() = default;

LayerConsumer& NativePacker::layers() { return state_->cutter; }

absl::StatusOr<PackedSidecar> NativePacker::Finish(const ArchiveImage& image,
                                                   const Progress& progress) {
  absl::StatusOr<PackedSidecar> packed = FinishOnce(image, progress);
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
  ASSIGN_OR_RETURN(const FramePlan plan,
                   PlanFrames(tree, layers, layer_digest, state_->spool.get(),
                              state_->pool, state_->cancel));
  ASSIGN_OR_RETURN(PackedSidecar packed,
                   state_->Write(plan, image, layer_digest, progress));
  packed.entry_count = tree.entry_count;
  packed.notes = std::move(tree.notes);
  return packed;
}

absl::StatusOr<PackedSidecar> NativePacker::State::Write(
    const FramePlan& plan, const ArchiveImage& image,
    const Digest& layer_digest, const Progress& progress) {
  const SidecarManifest manifest =
      MakeManifest(image.config, image.config_digest, options.pack,
                   layer_digest, plan.layer_bytes);
  ASSIGN_OR_RETURN(const std::string manifest_json, EncodeManifest(manifest));
  PackedSidecar packed{.path = options.stage_dir / "artifact.smolmachine",
                       .unpacked_bytes = plan.layer_bytes,
                       .layer_digest = layer_digest};
  const Fd file(::open(packed.path.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return ErrnoError(errno, "cannot create " + packed.path.string());
  }
  absl::Cleanup remove = [&packed] { ::unlink(packed.path.c_str()); };

  ArtifactWriter writer(file.get());
  FrameCopier copier(spool.get(), writer);
  std::unordered_map<int, int> uses_left;
  for (const int number : plan.frames) {
    ++uses_left[number];
  }
  int64_t done = 0;
  for (const int number : plan.frames) {
    RETURN_IF_ERROR(cancel.Check());
    const Frame frame = pool.frame(number);
    ASSIGN_OR_RETURN(const PlacedFrame at, copier.Add(frame));
    placed.emplace(number, at);
    // The artifact grows as the spool shrinks.
    if (--uses_left[number] == 0 && frame.kept_fd < 0) {
      DiscardRange(spool.get(), frame.offset, frame.size);
    }
    done = std::min(done + frame.raw_size, plan.layer_bytes);
    progress(Phase::kAssemble, done, plan.layer_bytes);
  }
  RETURN_IF_ERROR(copier.Flush());
  Footer footer{.assets_size = writer.size(),
                .manifest_size = static_cast<int64_t>(manifest_json.size())};
  RETURN_IF_ERROR(writer.Write(manifest_json));
  footer.crc32 = writer.crc32();
  RETURN_IF_ERROR(writer.Write(EncodeFooter(footer)));
  packed.size_bytes = writer.size();
  packed.digest = writer.Finish();
  std::move(remove).Cancel();
  return packed;
}

}  // namespace bottled
