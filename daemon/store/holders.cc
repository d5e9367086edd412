#include "store/holders.h"

#include "base/strings.h"
#include "fmt/format.h"

namespace bottled {

std::string HolderSentence(const ArtifactLease& lease) {
  const std::string holder = Printable(lease.holder);
  switch (lease.kind) {
    case LeaseKind::kPid:
      return fmt::format("leased by {} (process {})", holder, lease.pid);
    case LeaseKind::kStream:
      return fmt::format("leased by {} while connected", holder);
    case LeaseKind::kTtl:
      break;
  }
  return fmt::format("leased by {} until {}", holder,
                     FormatTimeMs(lease.expires_ms));
}

std::string HolderSentence(const ArtifactPin& pin) {
  return pin.note.empty() ? "pinned"
                          : fmt::format("pinned: {}", Printable(pin.note));
}

}  // namespace bottled
