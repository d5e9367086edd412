// Part of fault builds only.
#include "platform/fault_calls.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace bottled {
namespace {

std::atomic<FaultObserver*> fault_observer = nullptr;

template <typename Call>
int64_t Watched(FaultCall call, const Call& make) {
  FaultObserver* observer = fault_observer;
  if (observer == nullptr) {
    return make(call);
  }
  if (const int error = observer->Before(call); error != 0) {
    errno = error;
    return -1;
  }
  const int64_t result = call.skip ? 0 : make(call);
  const int error = errno;
  observer->After(call, result);
  errno = error;
  return result;
}

// What `path` means relative to the directory `dir`.
std::string Resolve(int dir, const char* path) {
  if (fault_observer == nullptr || path[0] == '/') {
    return path;
  }
  std::error_code error;
  const std::filesystem::path base =
      dir == AT_FDCWD ? std::filesystem::current_path(error)
                      : std::filesystem::read_symlink(
                            "/proc/self/fd/" + std::to_string(dir), error);
  return (base / path).native();
}

}  // namespace

void SetFaultObserver(FaultObserver* observer) { fault_observer = observer; }
FaultObserver* GetFaultObserver() { return fault_observer; }

namespace sys {

int Open(const char* path, int flags, mode_t mode, FaultSite site) {
  return static_cast<int>(
      Watched({.op = (flags & O_CREAT) != 0 ? FaultOp::kCreate : FaultOp::kOpen,
               .path = Resolve(AT_FDCWD, path),
               .mode = mode,
               .site = site},
              [&](const FaultCall&) { return ::open(path, flags, mode); }));
}

int OpenAt(int dir, const char* path, int flags, FaultSite site) {
  return static_cast<int>(
      Watched({.op = FaultOp::kOpen, .path = Resolve(dir, path), .site = site},
              [&](const FaultCall&) { return ::openat(dir, path, flags); }));
}

ssize_t Write(int fd, const void* data, size_t size, FaultSite site) {
  return Watched({.op = FaultOp::kWrite,
                  .fd = fd,
                  .offset = ::lseek(fd, 0, SEEK_CUR),
                  .data = {static_cast<const char*>(data), size},
                  .site = site},
                 [&](const FaultCall& call) {
                   return ::write(fd, call.data.data(), call.data.size());
                 });
}

ssize_t Pwrite(int fd, const void* data, size_t size, off_t offset,
               FaultSite site) {
  return Watched({.op = FaultOp::kWrite,
                  .fd = fd,
                  .offset = offset,
                  .data = {static_cast<const char*>(data), size},
                  .site = site},
                 [&](const FaultCall& call) {
                   return ::pwrite(fd, call.data.data(), call.data.size(),
                                   offset);
                 });
}

int Ftruncate(int fd, off_t size, FaultSite site) {
  return static_cast<int>(
      Watched({.op = FaultOp::kTruncate, .fd = fd, .size = size, .site = site},
              [&](const FaultCall&) { return ::ftruncate(fd, size); }));
}

int Fallocate(int fd, off_t size, FaultSite site) {
  const int saved = errno;
  errno = 0;
  const int64_t result =
      Watched({.op = FaultOp::kAllocate, .fd = fd, .size = size, .site = site},
              [&](const FaultCall&) -> int64_t {
                errno = ::posix_fallocate(fd, 0, size);
                return errno == 0 ? 0 : -1;
              });
  const int error = result == 0 ? 0 : errno;
  errno = saved;
  return error;
}

int Fchmod(int fd, mode_t mode, FaultSite site) {
  return static_cast<int>(
      Watched({.op = FaultOp::kChmod, .fd = fd, .mode = mode, .site = site},
              [&](const FaultCall&) { return ::fchmod(fd, mode); }));
}

int Chmod(const char* path, mode_t mode, FaultSite site) {
  return static_cast<int>(
      Watched({.op = FaultOp::kChmod,
               .path = Resolve(AT_FDCWD, path),
               .mode = mode,
               .site = site},
              [&](const FaultCall&) { return ::chmod(path, mode); }));
}

int Fsync(int fd, FaultSite site) {
  return static_cast<int>(
      Watched({.op = FaultOp::kFsync, .fd = fd, .site = site},
              [&](const FaultCall&) { return ::fsync(fd); }));
}

int Rename(const char* from, const char* to, FaultSite site) {
  return RenameAt(AT_FDCWD, from, AT_FDCWD, to, site);
}

int RenameAt(int from_dir, const char* from, int to_dir, const char* to,
             FaultSite site) {
  return static_cast<int>(Watched({.op = FaultOp::kRename,
                                   .path = Resolve(from_dir, from),
                                   .to = Resolve(to_dir, to),
                                   .site = site},
                                  [&](const FaultCall&) {
                                    return ::renameat(from_dir, from, to_dir,
                                                      to);
                                  }));
}

int RenameExclusive(const char* from, const char* to, FaultSite site) {
  return static_cast<int>(
      Watched({.op = FaultOp::kRename,
               .path = Resolve(AT_FDCWD, from),
               .to = Resolve(AT_FDCWD, to),
               .site = site},
              [&](const FaultCall&) { return RealRenameExclusive(from, to); }));
}

int Link(const char* from, const char* to, FaultSite site) {
  return static_cast<int>(
      Watched({.op = FaultOp::kLink,
               .path = Resolve(AT_FDCWD, from),
               .to = Resolve(AT_FDCWD, to),
               .site = site},
              [&](const FaultCall&) { return ::link(from, to); }));
}

int Unlink(const char* path, FaultSite site) {
  return UnlinkAt(AT_FDCWD, path, 0, site);
}

int UnlinkAt(int dir, const char* path, int flags, FaultSite site) {
  return static_cast<int>(Watched(
      {.op = FaultOp::kUnlink, .path = Resolve(dir, path), .site = site},
      [&](const FaultCall&) { return ::unlinkat(dir, path, flags); }));
}

int Mkdir(const char* path, mode_t mode, FaultSite site) {
  return static_cast<int>(
      Watched({.op = FaultOp::kMkdir,
               .path = Resolve(AT_FDCWD, path),
               .mode = mode,
               .site = site},
              [&](const FaultCall&) { return ::mkdir(path, mode); }));
}

int Fstat(int fd, struct stat* info) {
  return static_cast<int>(
      Watched({.op = FaultOp::kStat, .fd = fd, .info = info},
              [&](const FaultCall&) { return ::fstat(fd, info); }));
}

}  // namespace sys
}  // namespace bottled
