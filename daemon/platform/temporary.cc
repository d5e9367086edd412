#include "platform/temporary.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "platform/fault_calls.h"

namespace bottled {

absl::StatusOr<Temporary> CreateTemporary(const std::filesystem::path& dir) {
  // Not derived from the final name, which may already be 255 bytes long.
  Temporary temporary;
  temporary.path = dir / (".tmp-" + RandomHex(12));
  temporary.fd =
      Fd(sys::Open(temporary.path.c_str(),
                   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!temporary.fd.valid()) {
    const int error = errno;
    return ErrnoError(error, "create " + temporary.path.native());
  }
  return temporary;
}

absl::StatusOr<Fd> OpenUnlinkedTemporary(const std::filesystem::path& dir) {
  ASSIGN_OR_RETURN(Temporary temporary, CreateTemporary(dir));
  if (sys::Unlink(temporary.path.c_str()) != 0) {
    const int error = errno;
    return ErrnoError(error, "unlink " + temporary.path.native());
  }
  return std::move(temporary.fd);
}

}  // namespace bottled
