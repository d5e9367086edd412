// Symbolic links that smolvm refuses, and the harmless form of the same link.
//
// smolvm 1.32.2 fails a whole `machine create` for one link whose target is the
// root itself or climbs above it (measured). On Linux ".." at the root stays at
// the root, so such links have an equivalent that smolvm takes.

#ifndef BOTTLED_IMAGE_SYMLINK_H_
#define BOTTLED_IMAGE_SYMLINK_H_

#include <optional>
#include <string>
#include <string_view>

namespace bottled {

// `path` is the link's own path in the form of Entry::path. Returns the
// rewritten target, or nullopt when `target` is fine as it is:
//   "/", "/.", "//" …          -> "." at depth 0, else "../" × depth
//   "/../x"                    -> "/x"
//   "../../x" in a/ (depth 1)  -> "../x"
// The target must not be empty. Purely lexical.
std::optional<std::string> SafeSymlinkTarget(std::string_view path,
                                             std::string_view target);

}  // namespace bottled

#endif  // BOTTLED_IMAGE_SYMLINK_H_
