// TarReader: libarchive's tar reader on a ByteSource, without its surprises.
//
// Names come out as the bytes that the tar holds. libarchive converts PAX names
// to the locale's charset and, in a UTF-8 locale, also normalises them; in the
// "C" locale the conversion of anything but ASCII fails and it falls back to
// the raw bytes. So headers are read in that locale, whatever the program's is.
// Of libarchive's other warnings, which mean that a part of a header was
// ignored, none is accepted: the tree would not be the image's.

#ifndef BOTTLED_IMAGE_TAR_READER_H_
#define BOTTLED_IMAGE_TAR_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/byte_source.h"

struct archive;
struct archive_entry;

namespace bottled {

// What libarchive says of a tar that it cannot read. Callers turn it into their
// own error: a broken layer and a broken archive are different things.
struct TarProblem {
  bool truncated = false;
  std::string text;
};

// Not thread-safe.
class TarReader {
 public:
  // `source` holds plain tar and must outlive the reader.
  explicit TarReader(ByteSource& source);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // The next member; false at the end. On false, problem() or source_status()
  // tell whether it was a clean end.
  bool Next();
  archive_entry* entry() const { return entry_; }

  // The next block of the member's content, with holes filled by zeros; empty
  // at its end, or on a problem. Valid until the next call.
  std::string_view NextBlock();

  // Set when the tar could not be read.
  const std::unique_ptr<TarProblem>& problem() const { return problem_; }
  // The first error of the source; it is the cause of any problem().
  const absl::Status& source_status() const { return source_status_; }

  // The offset of the last header; after the last member, of the end mark.
  int64_t header_offset() const;

  // Takes what is left of the source after the end mark.
  absl::Status Drain();

 private:
  struct Callbacks;
  void SetProblem();
  void SetProblem(std::string_view text);

  ByteSource& source_;
  archive* const archive_;
  archive_entry* entry_ = nullptr;
  std::unique_ptr<TarProblem> problem_;
  absl::Status source_status_;
  bool source_ended_ = false;
  bool any_ = false;
  // Content given so far, and a block that waits behind a hole.
  int64_t position_ = 0;
  int64_t pending_offset_ = 0;
  std::string_view pending_;
  bool content_ended_ = false;
};

}  // namespace bottled

#endif  // BOTTLED_IMAGE_TAR_READER_H_
