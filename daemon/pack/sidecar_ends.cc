#include "pack/sidecar_ends.h"

#include <sys/stat.h>

#include <cerrno>
#include <span>

#include "base/error.h"
#include "base/status_macros.h"
#include "pack/errors.h"
#include "platform/file.h"

namespace bottled {

absl::StatusOr<SidecarEnds> ReadSidecarEnds(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    return ErrnoError(errno, "cannot examine the artifact");
  }
  SidecarEnds ends{.file_size = info.st_size};
  if (ends.file_size < kFooterBytes) {
    return SidecarInvalidError("it is shorter than a footer");
  }
  std::string bytes(kFooterBytes, '\0');
  RETURN_IF_ERROR(
      PreadAll(fd, std::span<char>(bytes), ends.file_size - kFooterBytes));
  ASSIGN_OR_RETURN(ends.footer, DecodeFooter(bytes, ends.file_size));
  ends.manifest_json.resize(static_cast<size_t>(ends.footer.manifest_size));
  RETURN_IF_ERROR(PreadAll(fd, std::span<char>(ends.manifest_json),
                           ends.footer.assets_size));
  return ends;
}

}  // namespace bottled
