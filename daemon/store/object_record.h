// ArtifactRecord and Note as JSON: the file beside an object, the row of a job
// that publishes, and a column of the artifact's row. Pure, so thread-safe.

#ifndef BOTTLED_STORE_OBJECT_RECORD_H_
#define BOTTLED_STORE_OBJECT_RECORD_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "store/records.h"

namespace bottled {

// No record is larger: key inputs hold an image's configuration.
inline constexpr size_t kMaxObjectRecordBytes = size_t{16} << 20;

// Everything but the last use and what the file looks like on its disk.
std::string EncodeObjectRecord(const ArtifactRecord& record);

// The inverse; unknown members are ignored. Reason BAD_OBJECT_RECORD for text
// of another form, a later version, a bad digest or a negative number.
absl::StatusOr<ArtifactRecord> DecodeObjectRecord(std::string_view json);

// A JSON array.
std::string EncodeNotes(const std::vector<Note>& notes);

// The inverse; what has another form is left out.
std::vector<Note> DecodeNotes(std::string_view json);

}  // namespace bottled

#endif  // BOTTLED_STORE_OBJECT_RECORD_H_
