#include "store/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/status_macros.h"
#include "platform/fd.h"

namespace bottled {
namespace {

constexpr int64_t kReserveBytes = int64_t{16} << 20;
// At most this part of a disk.
constexpr int64_t kReserveShare = 16;
constexpr int64_t kSectorBytes = 512;  // of st_blocks

}  // namespace

int64_t Reserve::SizeFor(int64_t disk_bytes) {
  return disk_bytes > 0 ? std::min(kReserveBytes, disk_bytes / kReserveShare)
                        : kReserveBytes;
}

absl::StatusOr<DiskSpace> Reserve::Look() const {
  return LookAtDisk(path_.parent_path());
}

absl::Status Reserve::Make() {
  ASSIGN_OR_RETURN(const DiskSpace space, Look());
  const int64_t size = SizeFor(space.total_bytes);
  MutexLock lock(mu_);
  struct stat info = {};
  if (::lstat(path_.c_str(), &info) == 0) {
    // A restored backup may have holes where there was space.
    if (S_ISREG(info.st_mode) && info.st_size == size &&
        info.st_blocks * kSectorBytes >= size) {
      bytes_ = size;
      return absl::OkStatus();
    }
    ::unlink(path_.c_str());
  }
  bytes_ = 0;
  if (absl::Status status = MakeFile(size); !status.ok()) {
    ::unlink(path_.c_str());
    return Annotate(status, "the reserve " + path_.native());
  }
  bytes_ = size;
  return absl::OkStatus();
}

absl::Status Reserve::MakeFile(int64_t size) {
  const Fd fd(::open(path_.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                     0600));
  if (!fd.valid()) {
    const int error = errno;
    return ErrnoError(error, "create");
  }
  return size > 0 ? Preallocate(fd.get(), size) : absl::OkStatus();
}

bool Reserve::Drop() {
  MutexLock lock(mu_);
  bytes_ = 0;
  return ::unlink(path_.c_str()) == 0;
}

bool Reserve::held() const { return bytes() > 0; }

int64_t Reserve::bytes() const {
  MutexLock lock(mu_);
  return bytes_;
}

}  // namespace bottled
