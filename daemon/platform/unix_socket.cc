#include "platform/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/errors.h"
#include "platform/file.h"
#include "platform/new_socket.h"

namespace bottled {
namespace {

absl::Status PrepareDir(const std::filesystem::path& dir) {
  struct stat info = {};
  // A directory that was there before may be the user's home: it must be safe,
  // but closing it to readers is not our business. The socket's own mode
  // keeps others out.
  const bool exists = ::lstat(dir.c_str(), &info) == 0;
  return EnsurePrivateDir(dir, exists ? 0755 : 0700);
}

absl::Status RemoveStale(const std::filesystem::path& path) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) {
    const int error = errno;
    return error == ENOENT ? absl::OkStatus()
                           : ErrnoError(error, "stat " + path.native());
  }
  if (!S_ISSOCK(info.st_mode)) {
    return BadPathError(path.native(), "the file there is not a socket");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    const int error = errno;
    return ErrnoError(error, "unlink " + path.native());
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<UnixAddress> MakeUnixAddress(std::string_view path) {
  UnixAddress result;
  if (path.empty() || path.size() >= sizeof(result.address.sun_path)) {
    return std::nullopt;
  }
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path, path.data(), path.size());
  // An abstract name is as long as its length says; a path has its NUL.
  const bool abstract = path.front() == '\0';
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                         path.size() + (abstract ? 0 : 1));
  return result;
}

absl::StatusOr<Fd> ListenUnix(const std::filesystem::path& path,
                              const InstanceLock&) {
  const std::string what = "listen on " + path.native();
  const auto address = MakeUnixAddress(path.native());
  if (!address.has_value()) {
    return SocketPathTooLongError(path);
  }
  RETURN_IF_ERROR(PrepareDir(path.parent_path()));
  RETURN_IF_ERROR(RemoveStale(path));
  Fd fd = NewUnixSocket(SOCK_STREAM);
  // Mode before listen(): until then every connect() is refused, so there is no
  // moment in which the umask decides who gets in.
  if (!fd.valid() || ::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0 ||
      ::bind(fd.get(), address->get(), address->length) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  return fd;
}

absl::StatusOr<Fd> ConnectUnix(const std::filesystem::path& path) {
  const std::string what = "connect to " + path.native();
  const auto address = MakeUnixAddress(path.native());
  if (!address.has_value()) {
    return SocketPathTooLongError(path);
  }
  Fd fd = NewUnixSocket(SOCK_STREAM);
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, what);
  }
  while (::connect(fd.get(), address->get(), address->length) != 0) {
    const int error = errno;
    if (error == EINTR) {
      continue;
    }
    if (error == ENOENT || error == ECONNREFUSED) {
      return DaemonNotRunningError(path);
    }
    return ErrnoError(error, what);
  }
  return fd;
}

}  // namespace bottled
