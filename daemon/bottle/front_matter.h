// Front matter: splits a Markdown file into its YAML and its body.
//
// What is refused here would make the YAML parser and a reader see different
// texts: NUL and other control characters (yaml-cpp takes 0x04 for the end of
// the input), lone carriage returns, bytes that are not UTF-8.
// Pure, thread-safe.

#ifndef BOTTLED_BOTTLE_FRONT_MATTER_H_
#define BOTTLED_BOTTLE_FRONT_MATTER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace bottled {

inline constexpr size_t kMaxManifestBytes = 1 << 20;
inline constexpr size_t kMaxManifestLineBytes = 64 << 10;

struct FrontMatter {
  // Between the two lines, with LF instead of CRLF.
  std::string yaml;
  // The line of the file where `yaml` begins, from 1.
  int yaml_line = 2;
  // All after the newline of the closing line, byte for byte; a view of the
  // text that was given.
  std::string_view body;
};

// Splits `text`, the content of `file`, which is only named in messages. The
// first line must be exactly "---" (after a UTF-8 byte order mark, if there is
// one), the YAML ends at a line that is exactly "---" or "..."; lines may end
// in CRLF. Reasons: MANIFEST_LINE_TOO_LONG (in the whole file; comes before
// MANIFEST_TOO_LARGE, so a line of megabytes is called by its name),
// MANIFEST_TOO_LARGE, MANIFEST_NUL_BYTE (in the whole file),
// MANIFEST_NO_FRONT_MATTER, MANIFEST_FRONT_MATTER_OPEN, MANIFEST_NOT_UTF8,
// MANIFEST_CONTROL_CHARACTER.
absl::StatusOr<FrontMatter> SplitFrontMatter(std::string_view text,
                                             std::string_view file);

}  // namespace bottled

#endif  // BOTTLED_BOTTLE_FRONT_MATTER_H_
