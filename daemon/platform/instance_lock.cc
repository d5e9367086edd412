#include "platform/instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "fmt/format.h"
#include "platform/errors.h"
#include "platform/fault_calls.h"
#include "platform/file.h"

namespace bottled {
namespace {

std::string ReadHolder(int fd) {
  char buffer[256];
  const ssize_t got = ::pread(fd, buffer, sizeof(buffer), 0);
  std::string_view text(buffer, got > 0 ? static_cast<size_t>(got) : 0);
  text = text.substr(0, text.find('\n'));
  return Printable(text);
}

}  // namespace

absl::StatusOr<InstanceLock> InstanceLock::Acquire(
    const std::filesystem::path& lock_file, std::string_view version) {
  const std::string what = "lock " + lock_file.native();
  Fd fd(sys::Open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                  0600));
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK) {
      return AlreadyRunningError(lock_file, ReadHolder(fd.get()));
    }
    if (error != EINTR) {
      return ErrnoError(error, what);
    }
  }
  // Written over before it is cut, so that a reader in between sees a line of
  // the new holder, and not nothing.
  const std::string text =
      fmt::format("pid {}, version {}\n", ::getpid(), Printable(version, 128));
  // On a full disk the daemon must start all the same: only it can collect.
  if (PwriteAll(fd.get(), text, 0).ok()) {
    [[maybe_unused]] const int cut =
        sys::Ftruncate(fd.get(), static_cast<off_t>(text.size()));
  }
  return InstanceLock(std::move(fd));
}

}  // namespace bottled
