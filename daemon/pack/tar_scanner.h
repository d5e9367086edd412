// TarScanner: walks a tar that is pushed in pieces and finds everything that
// readers overlook. Private to the verifier.
//
// Why not the reader of images: that one forgives, as it must, and what it
// forgives (absolute names, a missing end, bytes behind it) an artifact may
// not have, because smolvm forgives less. It knows what GNU tar, TarHeader()
// and smolvm write: ustar headers, base-256 numbers, L and K records, PAX
// records of a path, a link or a size. Of sparse files only GNU tar's own kind
// is known (type 'S'), and only on demand: smolvm's packer writes its storage
// template so (boot.md), and misreads the one of PAX (smolvm-1.32.md §2.1).

#ifndef BOTTLED_PACK_TAR_SCANNER_H_
#define BOTTLED_PACK_TAR_SCANNER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace bottled {

struct TarMember {
  char type = '0';   // '0' to '6', or 'S'
  std::string name;  // as written; any bytes but NUL
  std::string link;
  // Bytes of content; only of types '0' and 'S'. Holes do not count.
  int64_t size = 0;
};

// Not thread-safe. Memory is bounded by the longest record (1 MiB).
class TarScanner {
 public:
  using OnMember = std::function<absl::Status(const TarMember& member)>;
  // Content of the last member, piece by piece; optional.
  using OnData = std::function<absl::Status(std::string_view data)>;

  enum class Sparse { kRefused, kAllowed };

  // `what` names the tar in messages: "the layer".
  TarScanner(std::string what, OnMember on_member, OnData on_data = nullptr,
             Sparse sparse = Sparse::kRefused);

  // The next bytes. SIDECAR_INVALID, or what the callbacks return; no further
  // call after an error.
  absl::Status Feed(std::string_view bytes);

  // The tar is over: SIDECAR_INVALID unless its end was seen.
  absl::Status Finish() const;

 private:
  enum class State { kHeader, kSparseMap, kContent, kRecord, kPadding, kEnd };

  absl::Status Invalid(std::string_view problem) const;
  absl::Status OnHeader(std::string_view block);
  absl::Status OnRecord();
  absl::Status OnPax();
  absl::Status EmitMember(std::string_view block, char type, int64_t size);
  absl::Status OnSparseHeader(std::string_view block);
  absl::Status OnSparseBlock(std::string_view block);
  absl::Status TakeSparseMap(std::string_view map, bool more);
  absl::Status Take(std::string_view& bytes);

  // Constant after construction.
  const std::string what_;
  const OnMember on_member_;
  const OnData on_data_;
  const Sparse sparse_;

  State state_ = State::kHeader;
  // Bytes of the current header or record.
  std::string buffer_;
  int64_t left_ = 0;     // of content or record
  int64_t padding_ = 0;  // after it
  char record_ = '\0';
  int zero_blocks_ = 0;
  // From records, for the next member.
  std::optional<std::string> name_;
  std::optional<std::string> link_;
  std::optional<int64_t> size_;
  // Of a sparse file whose map is read: its size with the holes, where the last
  // piece ended, the bytes of all pieces, and whether the map is over.
  int64_t sparse_size_ = 0;
  int64_t sparse_end_ = 0;
  int64_t sparse_bytes_ = 0;
  bool sparse_over_ = false;
};

}  // namespace bottled

#endif  // BOTTLED_PACK_TAR_SCANNER_H_
