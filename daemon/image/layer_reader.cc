#include "image/layer_reader.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/errors.h"
#include "image/layer_entry.h"
#include "image/tar_reader.h"
#include "image/unpack_source.h"

namespace bottled {
namespace {

constexpr size_t kSniffBytes = 512;

// Hashes and counts what passes, and stops it at the budget.
class MeteredSource : public ByteSource {
 public:
  MeteredSource(ByteSource& source, LayerBudget& budget,
                const CancelToken& cancel)
      : source_(source), budget_(budget), cancel_(cancel) {}

  absl::StatusOr<std::string_view> Next() override {
    RETURN_IF_ERROR(cancel_.Check());
    ASSIGN_OR_RETURN(const std::string_view block, source_.Next());
    const auto size = static_cast<int64_t>(block.size());
    if (size > budget_.limits.max_unpacked_bytes - budget_.unpacked_bytes) {
      return ImageTooLarge(
          fmt::format("{} bytes", budget_.limits.max_unpacked_bytes));
    }
    budget_.unpacked_bytes += size;
    bytes_ += size;
    hasher_.Update(block);
    return block;
  }

  LayerInfo Finish() {
    return {.diff_id = hasher_.Finish(), .unpacked_bytes = bytes_};
  }

 private:
  ByteSource& source_;
  LayerBudget& budget_;
  const CancelToken& cancel_;
  Sha256 hasher_;
  int64_t bytes_ = 0;
};

absl::Status ProblemOf(const TarReader& tar) {
  RETURN_IF_ERROR(tar.source_status());
  if (tar.problem() == nullptr) {
    return absl::OkStatus();
  }
  return tar.problem()->truncated ? LayerTruncated()
                                  : LayerInvalid(tar.problem()->text);
}

absl::Status CheckBudget(const Entry& entry, LayerBudget& budget) {
  if (++budget.entries > budget.limits.max_entries) {
    return ImageTooLarge(fmt::format("{} entries", budget.limits.max_entries));
  }
  if (entry.size > budget.limits.max_unpacked_bytes - budget.content_bytes) {
    return ImageTooLarge(
        fmt::format("{} bytes", budget.limits.max_unpacked_bytes));
  }
  budget.content_bytes += entry.size;
  return absl::OkStatus();
}

absl::Status ReadContent(TarReader& tar, const Entry& entry,
                         EntryVisitor& visitor, const CancelToken& cancel) {
  int64_t left = entry.size;
  while (left > 0) {
    // Holes come without a read of the source.
    RETURN_IF_ERROR(cancel.Check());
    std::string_view block = tar.NextBlock();
    if (block.empty()) {
      RETURN_IF_ERROR(ProblemOf(tar));
      return LayerTruncated();
    }
    block = block.substr(0, static_cast<size_t>(std::min<int64_t>(
                                left, static_cast<int64_t>(block.size()))));
    RETURN_IF_ERROR(visitor.OnData(block));
    left -= static_cast<int64_t>(block.size());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LayerInfo> ReadLayer(ByteSource& source, LayerBudget& budget,
                                    EntryVisitor& visitor,
                                    const CancelToken& cancel) {
  PeekSource peek(source);
  ASSIGN_OR_RETURN(const std::string_view head, peek.Peek(kSniffBytes));
  const BlobKind kind = SniffBlob(head);
  std::unique_ptr<DecompressSource> unpacked;
  if (kind == BlobKind::kGzip || kind == BlobKind::kZstd) {
    unpacked = std::make_unique<DecompressSource>(peek, kind);
  }
  MeteredSource metered(unpacked != nullptr
                            ? static_cast<ByteSource&>(*unpacked)
                            : static_cast<ByteSource&>(peek),
                        budget, cancel);
  TarReader tar(metered);
  while (tar.Next()) {
    ASSIGN_OR_RETURN(const std::optional<Entry> entry, MakeEntry(tar.entry()));
    if (!entry.has_value()) {
      continue;
    }
    RETURN_IF_ERROR(CheckBudget(*entry, budget));
    RETURN_IF_ERROR(visitor.OnEntry(*entry));
    if (entry->kind == EntryKind::kFile) {
      RETURN_IF_ERROR(ReadContent(tar, *entry, visitor, cancel));
    }
  }
  RETURN_IF_ERROR(ProblemOf(tar));
  RETURN_IF_ERROR(tar.Drain());
  return metered.Finish();
}

}  // namespace bottled
