#include "pack/frame_plan.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/errors.h"
#include "image/tar_writer.h"
#include "pack/frame_decoder.h"

namespace bottled {
namespace {

// smolvm extracts no more than this by default.
constexpr int64_t kMaxLayerBytes = int64_t{128} << 30;

constexpr int64_t kMinPaddingUnit = int64_t{64} << 10;
constexpr int64_t kPaddingUnits = 64;

int64_t ContentBytes(const Entry& entry) {
  return entry.kind == EntryKind::kFile ? entry.size : 0;
}

class Planner {
 public:
  explicit Planner(const FramePlanDeps& deps)
      : decoder_(deps.spool_fd),
        pool_(deps.pool),
        written_(deps.written),
        cancel_(deps.cancel) {}

  absl::Status AddLayers(const MergedTree& tree,
                         std::span<const CutLayer* const> layers) {
    std::vector<std::vector<const Entry*>> directories(layers.size());
    for (const MergedDirectory& directory : tree.directories) {
      directories[directory.layer].push_back(&directory.entry);
    }
    for (size_t i = 0; i < layers.size(); ++i) {
      RETURN_IF_ERROR(AddDirectories(directories[i]));
      RETURN_IF_ERROR(AddLayer(*layers[i], tree.layers[i]));
    }
    return absl::OkStatus();
  }

  // The sizes are known last, but their headers come first.
  absl::StatusOr<FramePlan> WithHead(const Digest& layer_digest,
                                     int64_t layer_bytes) {
    plan_.layer_bytes = layer_bytes;
    ASSIGN_OR_RETURN(const int head,
                     written_.Get(OuterHeaders(layer_digest), cancel_));
    plan_.frames.insert(plan_.frames.begin(), head);
    return std::move(plan_);
  }

  absl::StatusOr<FramePlan> WithEnds(const Digest& layer_digest) {
    const int64_t layer_bytes = PaddedLayerBytes(bytes_);
    // The layer's tar is a multiple of 512 bytes: both ends are adjacent.
    int64_t zeros = layer_bytes - bytes_ + kTarEndBytes;
    RETURN_IF_ERROR(Count(layer_bytes - bytes_));
    while (zeros > 0) {
      const int64_t size = std::min(zeros, kBlockBytes);
      ASSIGN_OR_RETURN(
          const int frame,
          written_.Get(std::string(static_cast<size_t>(size), '\0'), cancel_));
      plan_.frames.push_back(frame);
      zeros -= size;
    }
    return WithHead(layer_digest, layer_bytes);
  }

  int64_t bytes() const { return bytes_; }

 private:
  std::string OuterHeaders(const Digest& layer_digest) const {
    const Entry dir{
        .kind = EntryKind::kDirectory, .path = "layers", .mode = 0755};
    const Entry layer{.kind = EntryKind::kFile,
                      .path = fmt::format("layers/{}.tar", layer_digest.hex()),
                      .mode = 0644,
                      .size = plan_.layer_bytes};
    return TarHeader(dir) + TarHeader(layer);
  }

  absl::Status Copy(int frame) {
    RETURN_IF_ERROR(Count(pool_.frame(frame).raw_size));
    plan_.frames.push_back(frame);
    return absl::OkStatus();
  }

  // Checked as it grows, because layers that link to files of lower layers can
  // make many copies of a small image.
  absl::Status Count(int64_t bytes) {
    bytes_ += bytes;
    return bytes_ > kMaxLayerBytes
               ? ImageTooLarge(fmt::format("{} bytes", kMaxLayerBytes))
               : absl::OkStatus();
  }

  absl::Status AddDirectories(const std::vector<const Entry*>& directories) {
    std::string block;
    for (const Entry* const entry : directories) {
      Entry directory = *entry;
      // Nothing that boots a sidecar keeps it (docs/format.md), and builds
      // change it in every directory that they add something to.
      directory.mtime = 0;
      block += TarHeader(directory);
      if (static_cast<int64_t>(block.size()) >= kBlockBytes) {
        RETURN_IF_ERROR(Add(std::exchange(block, {})));
      }
    }
    return Add(std::move(block));
  }

  absl::Status Add(std::string block) {
    if (block.empty()) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Count(static_cast<int64_t>(block.size())));
    ASSIGN_OR_RETURN(const int frame, written_.Get(std::move(block), cancel_));
    plan_.frames.push_back(frame);
    return absl::OkStatus();
  }

  absl::Status AddLayer(const CutLayer& layer, const LayerPlan& plan) {
    for (size_t b = 0; b < layer.blocks.size();) {
      RETURN_IF_ERROR(cancel_.Check());
      size_t end = b + 1;
      // The blocks of one large entry belong together.
      while (end < layer.blocks.size() && IsContinuation(layer, end)) {
        ++end;
      }
      if (end - b > 1) {
        RETURN_IF_ERROR(AddLarge(layer, plan, b, end));
      } else {
        RETURN_IF_ERROR(AddBlock(layer, plan, b));
      }
      b = end;
    }
    return absl::OkStatus();
  }

  // True for a block that only continues the entry of the block before.
  static bool IsContinuation(const CutLayer& layer, size_t b) {
    return layer.places[layer.blocks[b].first_entry].block !=
           static_cast<int>(b);
  }

  absl::Status AddBlock(const CutLayer& layer, const LayerPlan& plan,
                        size_t b) {
    const CutBlock& block = layer.blocks[b];
    bool all_kept = true;
    bool all_dropped = true;
    for (size_t e = block.first_entry; e <= block.last_entry; ++e) {
      if (layer.places[e].block == static_cast<int>(b)) {
        all_kept = all_kept && plan.fates[e] == Fate::kKept;
        all_dropped = all_dropped && plan.fates[e] == Fate::kDropped;
      }
    }
    if (all_kept) {
      return Copy(block.frame);
    }
    return all_dropped ? absl::OkStatus() : Recut(layer, plan, b);
  }

  absl::Status Recut(const CutLayer& layer, const LayerPlan& plan, size_t b) {
    const CutBlock& block = layer.blocks[b];
    ASSIGN_OR_RETURN(const std::string_view raw,
                     decoder_.Decode(pool_.frame(block.frame)));
    std::string out = pool_.TakeBuffer();
    for (size_t e = block.first_entry; e <= block.last_entry; ++e) {
      const EntryPlace& place = layer.places[e];
      if (place.block != static_cast<int>(b) ||
          plan.fates[e] == Fate::kDropped) {
        continue;
      }
      const int64_t content = ContentBytes(layer.entries[e]);
      const std::string_view body =
          raw.substr(place.offset + place.header_bytes,
                     static_cast<size_t>(content + TarPadding(content)));
      if (plan.fates[e] == Fate::kKept) {
        out += raw.substr(place.offset, place.header_bytes);
        out += body;
        continue;
      }
      for (const Entry& header : plan.rewritten.at(e)) {
        out += TarHeader(header);
        if (header.kind == EntryKind::kFile) {
          out += body;
        }
        // Copies of one file can fill many blocks.
        if (static_cast<int64_t>(out.size()) >= kBlockBytes) {
          RETURN_IF_ERROR(Add(std::exchange(out, pool_.TakeBuffer())));
        }
      }
    }
    return Add(std::move(out));
  }

  // One entry alone in the blocks [begin, end).
  absl::Status AddLarge(const CutLayer& layer, const LayerPlan& plan,
                        size_t begin, size_t end) {
    const size_t e = layer.blocks[begin].first_entry;
    if (plan.fates[e] == Fate::kDropped) {
      return absl::OkStatus();
    }
    const auto copy_from = [&](size_t b) {
      for (; b < end; ++b) {
        RETURN_IF_ERROR(Copy(layer.blocks[b].frame));
      }
      return absl::OkStatus();
    };
    if (plan.fates[e] == Fate::kKept) {
      return copy_from(begin);
    }
    for (const Entry& header : plan.rewritten.at(e)) {
      // Only its first block holds the header.
      ASSIGN_OR_RETURN(const std::string_view raw,
                       decoder_.Decode(pool_.frame(layer.blocks[begin].frame)));
      std::string out = TarHeader(header);
      out += raw.substr(layer.places[e].header_bytes);
      RETURN_IF_ERROR(Add(std::move(out)));
      RETURN_IF_ERROR(copy_from(begin + 1));
    }
    return absl::OkStatus();
  }

  FrameDecoder decoder_;
  FramePool& pool_;
  WrittenFrames& written_;
  const CancelToken& cancel_;
  FramePlan plan_;
  int64_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<int> WrittenFrames::Get(std::string text,
                                       const CancelToken& cancel) {
  const Digest key = Sha256Of(text);
  const auto known = frames_.find(key);
  if (known != frames_.end()) {
    return known->second;
  }
  ASSIGN_OR_RETURN(const int frame, pool_.Submit(std::move(text), cancel));
  frames_.emplace(key, frame);
  return frame;
}

int64_t PaddedLayerBytes(int64_t content) {
  const int64_t bytes = content + kTarEndBytes;
  const auto power =
      static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes)));
  const int64_t unit = std::max(power / kPaddingUnits, kMinPaddingUnit);
  const int64_t padded = (bytes + unit - 1) / unit * unit;
  // What smolvm would just take shall not become too large.
  return padded > kMaxLayerBytes ? bytes : padded;
}

absl::StatusOr<FramePlan> PlanFrames(const FramePlanDeps& deps,
                                     const MergedTree& tree,
                                     std::span<const CutLayer* const> layers,
                                     const Digest& layer_digest) {
  Planner planner(deps);
  RETURN_IF_ERROR(planner.AddLayers(tree, layers));
  return planner.WithEnds(layer_digest);
}

absl::StatusOr<FramePlan> PlanFirstFrames(
    const FramePlanDeps& deps, const MergedTree& tree,
    std::span<const CutLayer* const> layers, const Digest& layer_digest,
    int64_t layer_bytes) {
  Planner planner(deps);
  RETURN_IF_ERROR(planner.AddLayers(tree, layers));
  return planner.WithHead(
      layer_digest, std::max(layer_bytes, PaddedLayerBytes(planner.bytes())));
}

}  // namespace bottled
