// One artifact file on disk: opening it without following links, the quick
// check and the full one.
//
// All functions block on the disk and are thread-safe. "Damaged" means that the
// file is certainly not what was published (ARTIFACT_DAMAGED); errors of
// reading have other reasons and prove nothing.

#ifndef BOTTLED_STORE_OBJECT_FILE_H_
#define BOTTLED_STORE_OBJECT_FILE_H_

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "image/digest.h"
#include "platform/fault_site.h"
#include "platform/fd.h"
#include "platform/places.h"
#include "store/records.h"

namespace bottled {

// Opens for reading; no symbolic link in the last component is followed and no
// FIFO waited for. NOT_FOUND when it is absent, reason ARTIFACT_DAMAGED when it
// is a link.
absl::StatusOr<Fd> OpenNoFollow(const std::filesystem::path& path);

// OpenNoFollow() of the object of a digest, in a directory obj/<aa> that is no
// link either.
absl::StatusOr<Fd> OpenObjectFile(const Places& places, const Digest& digest);

// Checks that an open file is a regular one of ours, `size` bytes long, and
// ends with a footer. Fills `info`.
absl::Status CheckShape(int fd, const std::filesystem::path& path, int64_t size,
                        struct stat& info);

// CheckShape(), and that inode and mtime are those of the record. The device is
// not compared: its number is given out anew at every boot.
absl::Status CheckUnchanged(int fd, const std::filesystem::path& path,
                            const ArtifactRecord& record);

// Told of bytes that were read; an error ends the reading, and is its result.
using OnRead = std::function<absl::Status(int64_t bytes)>;

// CheckShape(), and that the bytes hash to record.digest. Sets device, inode
// and mtime of the record to the file's. `on_read` may be null.
absl::Status CheckContent(int fd, const std::filesystem::path& path,
                          ArtifactRecord& record,
                          const OnRead& on_read = nullptr);

// Moves a file, link or directory into `dir` under its name and a random
// suffix. False when there is none. Syncs nothing.
absl::StatusOr<bool> MoveAside(const std::filesystem::path& from,
                               const std::filesystem::path& dir,
                               FaultSite site = FaultSite::current());

// Makes the object's file, its record, if any, and their names in obj/<aa>
// last; obj/ itself is not synced. A file whose fsync fails is damaged: its
// bytes may be gone from memory too, and a second fsync would not say so.
absl::Status SyncObject(const Places& places, const Digest& digest);

// Copies device, inode and mtime.
void NoteIdentity(const struct stat& info, ArtifactRecord& record);

}  // namespace bottled

#endif  // BOTTLED_STORE_OBJECT_FILE_H_
