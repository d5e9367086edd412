// Byte sources on top of byte sources: look ahead, and decompress.

#ifndef BOTTLED_IMAGE_UNPACK_SOURCE_H_
#define BOTTLED_IMAGE_UNPACK_SOURCE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/byte_source.h"

struct archive;

namespace bottled {

// What the first bytes of a blob say it is. Media types lie; content does not.
enum class BlobKind {
  kEmpty,
  kTar,
  kGzip,
  kZstd,
  kOther,
};

// `head` is the blob's first 512 bytes, or all of a shorter one. A tar is a
// block with a valid header checksum, or a block of zeros.
BlobKind SniffBlob(std::string_view head);

// Gives the first bytes of another source without losing them. Peek() comes
// before the first Next().
class PeekSource : public ByteSource {
 public:
  explicit PeekSource(ByteSource& source) : source_(source) {}

  // Up to `count` bytes; fewer only at the source's end.
  absl::StatusOr<std::string_view> Peek(size_t count);

  absl::StatusOr<std::string_view> Next() override;

 private:
  ByteSource& source_;
  std::string head_;
  bool given_ = false;
};

// Decompresses gzip (any number of members) or zstd (any number of frames) with
// libarchive's filters. An error of the compressed data itself is
// LAYER_INVALID.
class DecompressSource : public ByteSource {
 public:
  DecompressSource(ByteSource& source, BlobKind kind);
  ~DecompressSource() override;
  DecompressSource(const DecompressSource&) = delete;
  DecompressSource& operator=(const DecompressSource&) = delete;

  absl::StatusOr<std::string_view> Next() override;

  // Whether the compressed data was at fault.
  bool damaged() const { return damaged_; }

 private:
  struct Callbacks;
  absl::Status Problem();

  ByteSource& source_;
  archive* const archive_;
  absl::Status source_status_;
  bool open_ = false;
  bool ended_ = false;
  bool damaged_ = false;
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_UNPACK_SOURCE_H_
