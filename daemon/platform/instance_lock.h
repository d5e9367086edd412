// InstanceLock: proof that this process is the only daemon of a state
// directory. Whoever binds the socket or opens the database needs one.
//
// flock on a file that is never unlinked; the kernel releases it when the
// process dies, however it dies. The text in the file (pid, version) only
// serves messages.

#ifndef BOTTLED_PLATFORM_INSTANCE_LOCK_H_
#define BOTTLED_PLATFORM_INSTANCE_LOCK_H_

#include <filesystem>
#include <string_view>

#include "absl/status/statusor.h"
#include "platform/fd.h"

namespace bottled {

class InstanceLock {
 public:
  // Takes the lock without waiting. When another process holds it: code
  // ALREADY_EXISTS, reason ALREADY_RUNNING, and the message names the holder's
  // pid and version as far as the file tells.
  static absl::StatusOr<InstanceLock> Acquire(
      const std::filesystem::path& lock_file, std::string_view version);

  InstanceLock(InstanceLock&&) = default;
  InstanceLock& operator=(InstanceLock&&) = default;

 private:
  explicit InstanceLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_INSTANCE_LOCK_H_
