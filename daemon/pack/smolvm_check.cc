// CheckSmolvmSidecar(): see smolvm_packer.h.

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "pack/errors.h"
#include "pack/smolvm_packer.h"
#include "pack/verifier.h"
#include "platform/fd.h"

namespace bottled {

absl::StatusOr<PackedSidecar> CheckSmolvmSidecar(
    const std::filesystem::path& path, const std::string& platform,
    const SmolvmProgram& program,
    const std::function<void(int64_t bytes)>& progress,
    const CancelToken& cancel) {
  const Fd file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) {
    return errno == ELOOP ? SidecarInvalidError("it is a symbolic link")
                          : ErrnoError(errno, "cannot open " + path.native());
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) {
    return ErrnoError(errno, "cannot examine " + path.native());
  }
  if (!S_ISREG(info.st_mode)) {
    return SidecarInvalidError("it is no regular file");
  }
  ASSIGN_OR_RETURN(
      SidecarReport report,
      VerifySidecar(file.get(), VerifyDepth::kDeep, cancel, progress));
  if (report.manifest.platform != platform) {
    return SidecarInvalidError(
        fmt::format("it is for {}, and its image for {}",
                    Printable(report.manifest.platform, 100), platform));
  }
  // Its content key names the release.
  const std::string& release = report.manifest.smolvm_version;
  if (!release.empty() && release != program.version) {
    return SmolvmOtherReleaseError(release, program.version);
  }
  return PackedSidecar{.path = path,
                       .digest = std::move(report.digest),
                       .size_bytes = report.bytes_read,
                       .unpacked_bytes = report.manifest.layer_size,
                       .entry_count = report.entry_count,
                       .layer_digest = report.manifest.layer_digest};
}

}  // namespace bottled
