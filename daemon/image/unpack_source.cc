#include "image/unpack_source.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstdint>

#include "base/status_macros.h"
#include "fmt/format.h"
#include "image/errors.h"

namespace bottled {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kChecksumAt = 148;
constexpr size_t kChecksumBytes = 8;

bool HasTarChecksum(std::string_view block) {
  int64_t stored = 0;
  bool digits = false;
  for (const char c : block.substr(kChecksumAt, kChecksumBytes)) {
    if (c >= '0' && c <= '7') {
      stored = stored * 8 + (c - '0');
      digits = true;
    } else if (digits || c != ' ') {
      break;
    }
  }
  // Historic tars summed signed bytes.
  int64_t plain = 0;
  int64_t with_sign = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool inside = i >= kChecksumAt && i < kChecksumAt + kChecksumBytes;
    const char c = inside ? ' ' : block[i];
    plain += static_cast<unsigned char>(c);
    with_sign += static_cast<signed char>(c);
  }
  return digits && (stored == plain || stored == with_sign);
}

}  // namespace

BlobKind SniffBlob(std::string_view head) {
  using std::string_view_literals::operator""sv;
  if (head.empty()) {
    return BlobKind::kEmpty;
  }
  if (head.starts_with("\x1f\x8b\x08"sv)) {
    return BlobKind::kGzip;
  }
  // A zstd frame, or a skippable frame in front of one.
  if (head.starts_with("\x28\xb5\x2f\xfd"sv) ||
      (head.size() >= 4 && (head[0] & 0xf0) == 0x50 &&
       head.substr(1, 3) == "\x2a\x4d\x18"sv)) {
    return BlobKind::kZstd;
  }
  if (head.size() < kBlock) {
    return BlobKind::kOther;
  }
  const std::string_view block = head.substr(0, kBlock);
  const bool zeros =
      std::all_of(block.begin(), block.end(), [](char c) { return c == 0; });
  return zeros || HasTarChecksum(block) ? BlobKind::kTar : BlobKind::kOther;
}

absl::StatusOr<std::string_view> PeekSource::Peek(size_t count) {
  while (head_.size() < count) {
    ASSIGN_OR_RETURN(const std::string_view block, source_.Next());
    if (block.empty()) {
      break;
    }
    head_.append(block);
  }
  return std::string_view(head_).substr(0, count);
}

absl::StatusOr<std::string_view> PeekSource::Next() {
  if (!given_ && !head_.empty()) {
    given_ = true;
    return std::string_view(head_);
  }
  return source_.Next();
}

struct DecompressSource::Callbacks {
  static la_ssize_t Read(archive* unpacker, void* data, const void** buffer) {
    auto* self = static_cast<DecompressSource*>(data);
    const absl::StatusOr<std::string_view> block = self->source_.Next();
    if (!block.ok()) {
      self->source_status_ = block.status();
      archive_set_error(unpacker, -1, "the source failed");
      return ARCHIVE_FATAL;
    }
    *buffer = block->data();
    return static_cast<la_ssize_t>(block->size());
  }
};

DecompressSource::DecompressSource(ByteSource& source, BlobKind kind)
    : source_(source), archive_(archive_read_new()) {
  if (kind == BlobKind::kGzip) {
    archive_read_support_filter_gzip(archive_);
  } else {
    archive_read_support_filter_zstd(archive_);
  }
  archive_read_support_format_raw(archive_);
  archive_read_support_format_empty(archive_);
}

DecompressSource::~DecompressSource() { archive_read_free(archive_); }

absl::Status DecompressSource::Problem() {
  if (!source_status_.ok()) {
    return source_status_;
  }
  damaged_ = true;
  const char* text = archive_error_string(archive_);
  return LayerInvalid(fmt::format("its compressed data is damaged ({})",
                                  text == nullptr ? "unreadable" : text));
}

absl::StatusOr<std::string_view> DecompressSource::Next() {
  if (ended_) {
    return std::string_view();
  }
  if (!open_) {
    open_ = true;
    archive_entry* entry = nullptr;
    if (archive_read_open(archive_, this, nullptr, &Callbacks::Read, nullptr) !=
        ARCHIVE_OK) {
      return Problem();
    }
    const int result = archive_read_next_header(archive_, &entry);
    if (result == ARCHIVE_EOF) {
      ended_ = true;
      return std::string_view();
    }
    if (result != ARCHIVE_OK) {
      return Problem();
    }
  }
  while (true) {
    const void* data = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(archive_, &data, &size, &offset);
    if (result == ARCHIVE_EOF) {
      ended_ = true;
      return std::string_view();
    }
    if (result != ARCHIVE_OK) {
      return Problem();
    }
    if (size > 0) {
      return std::string_view(static_cast<const char*>(data), size);
    }
  }
}

}  // namespace bottled
