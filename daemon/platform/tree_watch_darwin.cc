#include "platform/errors.h"
#include "platform/tree_watch.h"

namespace bottled {

absl::StatusOr<std::unique_ptr<TreeWatch>> TreeWatch::Start(
    const std::filesystem::path& /*root*/, Skip /*skip*/,
    size_t /*max_directories*/) {
  return WatchUnsupportedError();
}

}  // namespace bottled
