// From a tar member to an Entry: normalised, checked, with the targets that
// smolvm takes. Private to image/.

#ifndef BOTTLED_IMAGE_LAYER_ENTRY_H_
#define BOTTLED_IMAGE_LAYER_ENTRY_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "image/entry.h"

struct archive_entry;

namespace bottled {

// The form of Entry::path: "./a//b/" and "/a/b" become "a/b", "./" becomes "".
// "..", a component above 255 bytes and a path of 4096 bytes are LAYER_INVALID.
absl::StatusOr<std::string> NormalizePath(std::string_view raw);

// nullopt for members that mean nothing: the root itself and aufs' own files.
absl::StatusOr<std::optional<Entry>> MakeEntry(archive_entry* member);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_LAYER_ENTRY_H_
