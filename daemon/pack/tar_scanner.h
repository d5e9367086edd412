// TarScanner: walks a tar that is pushed in pieces and finds everything that
// readers overlook. Private to the verifier.
//
// Why not the reader of images: that one forgives, as it must, and what it
// forgives (absolute names, a missing end, bytes behind it) an artifact may
// not have, because smolvm forgives less. It knows what GNU tar, TarHeader()
// and smolvm write: ustar headers, base-256 numbers, L and K records, PAX
// records of a path, a link or a size. Sparse files are refused.

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
  char type = '0';   // '0' to '6'
  std::string name;  // as written; any bytes but NUL
  std::string link;
  int64_t size = 0;  // bytes of content; only of type '0'
};

// Not thread-safe. Memory is bounded by the longest record (1 MiB).
class TarScanner {
 public:
  using OnMember = std::function<absl::Status(const TarMember& member)>;
  // Content of the last member, piece by piece; optional.
  using OnData = std::function<absl::Status(std::string_view data)>;

  // `what` names the tar in messages: "the layer".
  TarScanner(std::string what, OnMember on_member, OnData on_data = nullptr);

  // The next bytes. SIDECAR_INVALID, or what the callbacks return; no further
  // call after an error.
  absl::Status Feed(std::string_view bytes);

  // The tar is over: SIDECAR_INVALID unless its end was seen.
  absl::Status Finish() const;

 private:
  enum class State { kHeader, kContent, kRecord, kPadding, kEnd };

  absl::Status Invalid(std::string_view problem) const;
  absl::Status OnHeader(std::string_view block);
  absl::Status OnRecord();
  absl::Status OnPax();
  absl::Status EmitMember(std::string_view block, char type, int64_t size);
  absl::Status Take(std::string_view& bytes);

  // Constant after construction.
  const std::string what_;
  const OnMember on_member_;
  const OnData on_data_;

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
};

}  // namespace bottled

#endif  // BOTTLED_PACK_TAR_SCANNER_H_
