#include "pack/layer_cutter.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "image/tar_writer.h"
#include "pack/errors.h"
#include "pack/kept_layers.h"

namespace bottled {

// Fills blocks with the entries of one layer.
class LayerCutter::Visitor : public EntryVisitor {
 public:
  Visitor(FramePool& pool, const CancelToken& cancel)
      : pool_(pool), cancel_(cancel), layer_(std::make_unique<CutLayer>()) {}

  absl::Status OnEntry(const Entry& entry) override;
  absl::Status OnData(std::string_view data) override;

  absl::StatusOr<std::unique_ptr<CutLayer>> Finish();

 private:
  absl::Status Append(std::string_view bytes);
  absl::Status FinishEntry();
  // Closes the current block, if it holds anything.
  absl::Status Cut();

  // Constant after construction.
  FramePool& pool_;
  const CancelToken& cancel_;

  std::unique_ptr<CutLayer> layer_;
  std::string block_;
  size_t block_first_entry_ = 0;
  // Of the last entry that has bytes.
  size_t entry_ = 0;
  int64_t content_left_ = 0;
  int64_t padding_ = 0;
  bool large_ = false;
};

absl::Status LayerCutter::Visitor::OnEntry(const Entry& entry) {
  if (content_left_ > 0) {
    return LayerStreamError(layer_->entries[entry_].path);
  }
  layer_->entries.push_back(entry);
  EntryPlace& place = layer_->places.emplace_back();
  if (entry.kind == EntryKind::kDirectory ||
      entry.kind == EntryKind::kWhiteout || entry.kind == EntryKind::kOpaque) {
    return absl::OkStatus();
  }
  const std::string header = TarHeader(entry);
  const auto header_bytes = static_cast<int64_t>(header.size());
  const int64_t content = entry.kind == EntryKind::kFile ? entry.size : 0;
  const auto used = static_cast<int64_t>(block_.size());
  // Subtractions, because a hostile size may be near the type's limit.
  large_ = content > kBlockBytes - header_bytes - TarPadding(content);
  if (large_ ||
      used > kBlockBytes - header_bytes - content - TarPadding(content)) {
    RETURN_IF_ERROR(Cut());
  }
  entry_ = layer_->entries.size() - 1;
  if (block_.empty()) {
    block_first_entry_ = entry_;
    block_.reserve(kBlockBytes);
  }
  place.block = static_cast<int>(layer_->blocks.size());
  place.offset = static_cast<uint32_t>(block_.size());
  place.header_bytes = static_cast<uint32_t>(header_bytes);
  block_.append(header);
  content_left_ = content;
  padding_ = TarPadding(content);
  return content_left_ == 0 ? FinishEntry() : absl::OkStatus();
}

absl::Status LayerCutter::Visitor::OnData(std::string_view data) {
  if (static_cast<int64_t>(data.size()) > content_left_) {
    return LayerStreamError(
        layer_->entries.empty() ? "" : layer_->entries.back().path);
  }
  if (data.empty()) {
    return absl::OkStatus();
  }
  content_left_ -= static_cast<int64_t>(data.size());
  RETURN_IF_ERROR(Append(data));
  return content_left_ == 0 ? FinishEntry() : absl::OkStatus();
}

absl::Status LayerCutter::Visitor::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (static_cast<int64_t>(block_.size()) == kBlockBytes) {
      RETURN_IF_ERROR(Cut());
      block_first_entry_ = entry_;
      block_.reserve(kBlockBytes);
    }
    const size_t room = static_cast<size_t>(kBlockBytes) - block_.size();
    const size_t taken = std::min(room, bytes.size());
    block_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
  }
  return absl::OkStatus();
}

absl::Status LayerCutter::Visitor::FinishEntry() {
  // Padding never crosses a cut: cuts are multiples of the tar's block.
  block_.append(static_cast<size_t>(padding_), '\0');
  return std::exchange(large_, false) ? Cut() : absl::OkStatus();
}

absl::Status LayerCutter::Visitor::Cut() {
  if (block_.empty()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const int frame, pool_.Submit(std::move(block_), cancel_));
  layer_->blocks.push_back({frame, block_first_entry_, entry_});
  block_ = pool_.TakeBuffer();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<CutLayer>> LayerCutter::Visitor::Finish() {
  if (content_left_ > 0) {
    return LayerStreamError(layer_->entries[entry_].path);
  }
  RETURN_IF_ERROR(Cut());
  layer_->entries.shrink_to_fit();
  layer_->places.shrink_to_fit();
  return std::move(layer_);
}

LayerCutter::LayerCutter(FramePool& pool, CancelToken cancel,
                         std::vector<OpenKeptLayer> kept)
    : pool_(pool), cancel_(std::move(cancel)), kept_(std::move(kept)) {
  for (OpenKeptLayer& layer : kept_) {
    auto cut = std::make_unique<CutLayer>(std::move(layer.kept.layer));
    for (CutBlock& block : cut->blocks) {
      const KeptFrame& frame =
          layer.kept.frames[static_cast<size_t>(block.frame)];
      const Fd& file = frame.in_artifact ? *layer.artifact : *layer.own;
      block.frame = pool_.Adopt({.offset = frame.offset,
                                 .size = frame.size,
                                 .raw_size = frame.raw_size,
                                 .kept_fd = file.get(),
                                 .kept_crc32 = frame.crc32});
    }
    blobs_[static_cast<int>(layers_.size())] = layer.kept.blob;
    layers_.push_back(std::move(cut));
  }
}

LayerCutter::~LayerCutter() = default;

absl::StatusOr<EntryVisitor*> LayerCutter::BeginLayer() {
  current_ = std::make_unique<Visitor>(pool_, cancel_);
  return current_.get();
}

absl::StatusOr<int> LayerCutter::EndLayer(bool valid) {
  const std::unique_ptr<Visitor> ended = std::move(current_);
  if (!valid) {
    return -1;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<CutLayer> layer, ended->Finish());
  layers_.push_back(std::move(layer));
  return static_cast<int>(layers_.size()) - 1;
}

void LayerCutter::Identify(int handle, const LayerBlob& blob) {
  blobs_[handle] = blob;
}

const LayerBlob* LayerCutter::blob(int handle) const {
  const auto it = blobs_.find(handle);
  return it == blobs_.end() ? nullptr : &it->second;
}

const LayerBlob* LayerCutter::Recognise(int64_t stored_bytes,
                                        const Digest& head) {
  const LayerBlob* found = nullptr;
  for (const OpenKeptLayer& layer : kept_) {
    const LayerBlob& blob = layer.kept.blob;
    if (blob.stored_bytes != stored_bytes || blob.head != head) {
      continue;
    }
    if (found != nullptr) {
      return nullptr;
    }
    found = &blob;
  }
  return found;
}

absl::StatusOr<int> LayerCutter::TakeKnown(const LayerBlob& known) {
  const int handle = HandleOf(known.diff_id);
  taken_.insert(handle);
  return handle;
}

std::vector<LayerBlob> LayerCutter::Taken() const {
  std::vector<LayerBlob> taken;
  for (const int handle : taken_) {
    taken.push_back(kept_[static_cast<size_t>(handle)].kept.blob);
  }
  return taken;
}

LayerCutter::Known LayerCutter::Find(const Digest& diff_id) const {
  const int handle = HandleOf(diff_id);
  if (handle < 0) {
    return {};
  }
  const auto index = static_cast<size_t>(handle);
  return {layers_[index].get(), kept_[index].artifact->get()};
}

int LayerCutter::HandleOf(const Digest& diff_id) const {
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i].kept.blob.diff_id == diff_id) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace bottled
