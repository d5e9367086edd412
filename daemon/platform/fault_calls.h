// sys::, the system calls by which store and platform/file change what is on
// the disk, and the few by which they look at it where a fault matters. Each is
// the call of the same name: result -1 and errno after an error.
//
// With BOTTLED_FAULTS they go through a FaultObserver, if one is set, which may
// fail a call, shorten a write, leave an fsync out, or write all of them down.
// Without, they are the calls and nothing else. Thread-safe as the calls are.

#ifndef BOTTLED_PLATFORM_FAULT_CALLS_H_
#define BOTTLED_PLATFORM_FAULT_CALLS_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>

#include "platform/fault_site.h"

namespace bottled::sys {

// rename() that replaces nothing (EEXIST); EINVAL or ENOSYS where the system or
// the file system has none. Not a seam: what RenameExclusive() calls.
int RealRenameExclusive(const char* from, const char* to);

}  // namespace bottled::sys

#ifdef BOTTLED_FAULTS

#include <cstdint>
#include <string>
#include <string_view>

namespace bottled {

enum class FaultOp {
  kOpen,    // of a file that exists, or of a directory
  kCreate,  // open() with O_CREAT
  kWrite,
  kTruncate,
  kAllocate,
  kChmod,
  kFsync,  // of a file or a directory
  kRename,
  kLink,
  kUnlink,  // rmdir too
  kMkdir,
  kStat,  // fstat(): an observer changes the result, it cannot fail
};

struct FaultCall {
  FaultOp op = FaultOp::kOpen;
  // What is changed: by descriptor, or by absolute path (fd -1).
  int fd = -1;
  std::string path;
  std::string to;               // kRename, kLink
  int64_t offset = 0;           // kWrite
  std::string_view data;        // kWrite: an observer may shorten it
  int64_t size = 0;             // kTruncate, kAllocate
  mode_t mode = 0;              // kCreate, kMkdir, kChmod
  struct stat* info = nullptr;  // kStat
  FaultSite site = FaultSite::current();
  // Set by an observer that says that the call has succeeded, without it.
  bool skip = false;
};

class FaultObserver {
 public:
  virtual ~FaultObserver() = default;
  // The errno to fail with, or 0.
  virtual int Before(FaultCall& call) = 0;
  // `result` as of the call; not called when Before() failed it.
  virtual void After(const FaultCall& call, int64_t result) = 0;
};

// nullptr: none. The observer must outlive its use; set it while no other
// thread is at work. Its methods run on every thread that makes a call.
void SetFaultObserver(FaultObserver* observer);
FaultObserver* GetFaultObserver();

}  // namespace bottled

namespace bottled::sys {

int Open(const char* path, int flags, mode_t mode = 0,
         FaultSite site = FaultSite::current());
int OpenAt(int dir, const char* path, int flags,
           FaultSite site = FaultSite::current());
ssize_t Write(int fd, const void* data, size_t size,
              FaultSite site = FaultSite::current());
ssize_t Pwrite(int fd, const void* data, size_t size, off_t offset,
               FaultSite site = FaultSite::current());
int Ftruncate(int fd, off_t size, FaultSite site = FaultSite::current());
int Fallocate(int fd, off_t size, FaultSite site = FaultSite::current());
int Fchmod(int fd, mode_t mode, FaultSite site = FaultSite::current());
int Chmod(const char* path, mode_t mode, FaultSite site = FaultSite::current());
int Fsync(int fd, FaultSite site = FaultSite::current());
int Rename(const char* from, const char* to,
           FaultSite site = FaultSite::current());
int RenameAt(int from_dir, const char* from, int to_dir, const char* to,
             FaultSite site = FaultSite::current());
int RenameExclusive(const char* from, const char* to,
                    FaultSite site = FaultSite::current());
int Link(const char* from, const char* to,
         FaultSite site = FaultSite::current());
int Unlink(const char* path, FaultSite site = FaultSite::current());
int UnlinkAt(int dir, const char* path, int flags,
             FaultSite site = FaultSite::current());
int Mkdir(const char* path, mode_t mode, FaultSite site = FaultSite::current());
int Fstat(int fd, struct stat* info);

}  // namespace bottled::sys

#else

namespace bottled::sys {

inline int Open(const char* path, int flags, mode_t mode = 0,
                FaultSite /*site*/ = {}) {
  return ::open(path, flags, mode);
}
inline int OpenAt(int dir, const char* path, int flags) {
  return ::openat(dir, path, flags);
}
inline ssize_t Write(int fd, const void* data, size_t size) {
  return ::write(fd, data, size);
}
inline ssize_t Pwrite(int fd, const void* data, size_t size, off_t offset) {
  return ::pwrite(fd, data, size, offset);
}
inline int Ftruncate(int fd, off_t size) { return ::ftruncate(fd, size); }
// posix_fallocate(): the result is the error, errno is not touched.
inline int Fallocate(int fd, off_t size) {
  return ::posix_fallocate(fd, 0, size);
}
inline int Fchmod(int fd, mode_t mode) { return ::fchmod(fd, mode); }
inline int Chmod(const char* path, mode_t mode) { return ::chmod(path, mode); }
inline int Fsync(int fd, FaultSite /*site*/ = {}) { return ::fsync(fd); }
inline int Rename(const char* from, const char* to, FaultSite /*site*/ = {}) {
  return ::rename(from, to);
}
inline int RenameAt(int from_dir, const char* from, int to_dir,
                    const char* to) {
  return ::renameat(from_dir, from, to_dir, to);
}
inline int RenameExclusive(const char* from, const char* to,
                           FaultSite /*site*/ = {}) {
  return RealRenameExclusive(from, to);
}
inline int Link(const char* from, const char* to, FaultSite /*site*/ = {}) {
  return ::link(from, to);
}
inline int Unlink(const char* path, FaultSite /*site*/ = {}) {
  return ::unlink(path);
}
inline int UnlinkAt(int dir, const char* path, int flags) {
  return ::unlinkat(dir, path, flags);
}
inline int Mkdir(const char* path, mode_t mode) { return ::mkdir(path, mode); }
inline int Fstat(int fd, struct stat* info) { return ::fstat(fd, info); }

}  // namespace bottled::sys

#endif  // BOTTLED_FAULTS

#endif  // BOTTLED_PLATFORM_FAULT_CALLS_H_
