#include "pack/native_packer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/chain_id.h"
#include "image/merge.h"
#include "pack/artifact_writer.h"
#include "pack/frame_plan.h"
#include "pack/frame_pool.h"
#include "pack/layer_cutter.h"
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

  absl::Status Add(const Frame& frame) {
    const size_t end = used_ + frame.size;
    if (chunk_.size() < end) {
      chunk_.resize(std::max(end, kCopyBytes));
    }
    RETURN_IF_ERROR(PreadAll(spool_fd_,
                             std::span<char>(chunk_).subspan(used_, frame.size),
                             frame.offset));
    used_ = end;
    return used_ >= kCopyBytes ? Flush() : absl::OkStatus();
  }

  absl::Status Flush() {
    if (used_ == 0) {
      return absl::OkStatus();
    }
    chunk_.resize(std::exchange(used_, 0));
    RETURN_IF_ERROR(writer_.Write(std::move(chunk_)));
    chunk_ = writer_.TakeBuffer();
    return absl::OkStatus();
  }

 private:
  const int spool_fd_;
  ArtifactWriter& writer_;
  std::string chunk_;
  size_t used_ = 0;
};

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
        cutter(pool, cancel) {}

  absl::StatusOr<PackedSidecar> Write(const FramePlan& plan,
                                      const ArchiveImage& image,
                                      const Digest& layer_digest,
                                      const Progress& progress);

  const Options options;
  const CancelToken cancel;
  const Fd spool;
  FramePool pool;
  LayerCutter cutter;
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
    RETURN_IF_ERROR(copier.Add(frame));
    // The artifact grows as the spool shrinks.
    if (--uses_left[number] == 0) {
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
