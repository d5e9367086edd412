// Small adapters of the archive reader. Private to image/.

#ifndef BOTTLED_IMAGE_ARCHIVE_SOURCES_H_
#define BOTTLED_IMAGE_ARCHIVE_SOURCES_H_

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/status_macros.h"
#include "image/archive_reader.h"
#include "image/byte_source.h"
#include "image/errors.h"
#include "image/layer_reader.h"
#include "image/tar_reader.h"

namespace bottled {

// The content of the outer tar's current member.
class MemberSource : public ByteSource {
 public:
  explicit MemberSource(TarReader& tar) : tar_(tar) {}

  absl::StatusOr<std::string_view> Next() override {
    const std::string_view block = tar_.NextBlock();
    RETURN_IF_ERROR(tar_.source_status());
    if (tar_.problem() != nullptr) {
      return ArchiveTruncated();
    }
    return block;
  }

 private:
  TarReader& tar_;
};

// Reports progress and stops at a cancellation.
class WatchedSource : public ByteSource {
 public:
  WatchedSource(ByteSource& source, const ByteProgress& progress,
                const CancelToken& cancel)
      : source_(source), progress_(progress), cancel_(cancel) {}

  absl::StatusOr<std::string_view> Next() override {
    RETURN_IF_ERROR(cancel_.Check());
    ASSIGN_OR_RETURN(const std::string_view block, source_.Next());
    bytes_ += static_cast<int64_t>(block.size());
    if (progress_ != nullptr) {
      progress_(bytes_);
    }
    return block;
  }

  int64_t bytes() const { return bytes_; }

 private:
  ByteSource& source_;
  const ByteProgress& progress_;
  const CancelToken& cancel_;
  int64_t bytes_ = 0;
};

// Remembers that the visitor failed: what it says is not said of the layer.
class WatchedVisitor : public EntryVisitor {
 public:
  explicit WatchedVisitor(EntryVisitor& visitor) : visitor_(visitor) {}

  absl::Status OnEntry(const Entry& entry) override {
    return Keep(visitor_.OnEntry(entry));
  }
  absl::Status OnData(std::string_view data) override {
    return Keep(visitor_.OnData(data));
  }

  const absl::Status& status() const { return status_; }

 private:
  absl::Status Keep(absl::Status status) {
    status_ = std::move(status);
    return status_;
  }

  EntryVisitor& visitor_;
  absl::Status status_;
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_ARCHIVE_SOURCES_H_
