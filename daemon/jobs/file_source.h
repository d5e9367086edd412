// FileSource: an archive file as a ByteSource, and the identity by which an
// unchanged file is recognised.

#ifndef BOTTLED_JOBS_FILE_SOURCE_H_
#define BOTTLED_JOBS_FILE_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "image/byte_source.h"
#include "platform/fd.h"
#include "store/records.h"

namespace bottled {

// What the file at `path` is now, links followed. Only a regular file has an
// identity. Reasons ARCHIVE_NOT_FOUND, ARCHIVE_NOT_A_FILE, PERMISSION_DENIED,
// IO_ERROR.
absl::StatusOr<ArchiveIdentity> IdentifyArchive(const std::string& path,
                                                const std::string& reference);

// True when both are the same bytes as far as the file system tells.
bool SameFile(const ArchiveIdentity& a, const ArchiveIdentity& b);

// Reads in blocks of 1 MiB; looks at its token before each. Not thread-safe.
class FileSource : public ByteSource {
 public:
  // Never blocks on a FIFO or device. Errors as IdentifyArchive(), CANCELLED.
  // Waits a few milliseconds when the file was changed just now: a later change
  // could not be told from that one by its time otherwise.
  static absl::StatusOr<std::unique_ptr<FileSource>> Open(
      const std::string& path, const std::string& reference,
      CancelToken cancel);

  // Of the open file, before the first byte was read.
  const ArchiveIdentity& identity() const { return identity_; }

  absl::StatusOr<std::string_view> Next() override;

 private:
  FileSource(Fd fd, ArchiveIdentity identity, CancelToken cancel);

  // Constant after construction.
  const Fd fd_;
  const ArchiveIdentity identity_;
  const CancelToken cancel_;

  std::string buffer_;
  absl::Status error_;
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_FILE_SOURCE_H_
