#include "pack/smolvm_program.h"

#include <sys/stat.h>

#include <utility>

#include "base/error.h"
#include "pack/errors.h"
#include "platform/file.h"
#include "platform/find_program.h"
#include "platform/places.h"
#include "platform/stat_times.h"

namespace bottled {
namespace {

// smol-vmm is what the Python distribution calls the same program.
constexpr const char* kNames[] = {"smolvm", "smol-vmm"};
constexpr size_t kMaxKnown = 64;
// Linux takes no longer string into an environment (MAX_ARG_STRLEN is 128 KiB).
constexpr size_t kMaxPath = 64 << 10;

// Whether the same file would give the same answer again.
bool IsLasting(const absl::StatusOr<SmolvmProgram>& result) {
  return result.ok() || HasReason(result.status(), kSmolvmForeign);
}

// Whether it would for a while. Other errors say nothing about the file.
bool IsPassing(const absl::StatusOr<SmolvmProgram>& result) {
  return HasReason(result.status(), kSmolvmUnusable);
}

}  // namespace

SmolvmPrograms::SmolvmPrograms()
    : SmolvmPrograms(Options{.home = ProcessEnv()("HOME").value_or("")}) {}

SmolvmPrograms::FileId SmolvmPrograms::Identify(const std::string& program) {
  struct stat info = {};
  if (::stat(program.c_str(), &info) != 0) {
    return {};
  }
  return {.device = static_cast<uint64_t>(info.st_dev),
          .inode = static_cast<uint64_t>(info.st_ino),
          .size = static_cast<int64_t>(info.st_size),
          .modified_ns = ModifiedNs(info),
          .changed_ns = ChangedNs(info)};
}

bool SmolvmPrograms::Holds(const Known& known, const FileId& file,
                           const std::vector<std::string>& env) {
  if (known.file != file) {
    return false;
  }
  // A script's interpreter may be missing on one caller's PATH only.
  return IsLasting(known.result) ||
         (std::chrono::steady_clock::now() < known.until && known.env == env);
}

absl::StatusOr<SmolvmProgram> SmolvmPrograms::Check(
    const std::string& program, const std::vector<std::string>& env, bool fresh,
    const CancelToken& cancel) {
  const FileId file = Identify(program);
  if (!fresh) {
    MutexLock lock(mu_);
    const auto known = known_.find(program);
    if (known != known_.end() && Holds(known->second, file, env)) {
      return known->second.result;
    }
  }
  // Without the lock: one that hangs delays nobody else.
  absl::StatusOr<SmolvmProgram> result =
      ProbeSmolvm(program, env, options_.limit, cancel);
  const bool passing = IsPassing(result);
  const bool keep = (IsLasting(result) || passing) && Identify(program) == file;
  MutexLock lock(mu_);
  known_.erase(program);
  if (keep) {
    if (known_.size() >= kMaxKnown) {
      known_.clear();
    }
    Known known{.file = file, .result = result};
    if (passing) {
      known.env = env;
      known.until = std::chrono::steady_clock::now() + options_.failure_memory;
    }
    known_.emplace(program, std::move(known));
  }
  return result;
}

absl::StatusOr<SmolvmProgram> SmolvmPrograms::Search(
    const std::string& path, bool fresh, const CancelToken& cancel) {
  if (path.size() > kMaxPath || path.find('\0') != std::string::npos) {
    return SmolvmNotFoundError();
  }
  std::vector<std::string> env = {"PATH=" + path};
  if (!options_.home.empty()) {
    env.push_back("HOME=" + options_.home);
  }
  if (!options_.program.empty()) {
    if (!PathExists(options_.program)) {
      return SmolvmUnusableError(options_.program, "there is no such file");
    }
    return Check(options_.program, env, fresh, cancel);
  }
  absl::Status first = absl::OkStatus();
  for (const char* name : kNames) {
    const absl::StatusOr<std::string> program = FindProgram(name, env);
    if (!program.ok()) {
      continue;
    }
    absl::StatusOr<SmolvmProgram> result = Check(*program, env, fresh, cancel);
    if (result.ok() || result.status().code() == absl::StatusCode::kCancelled) {
      return result;
    }
    first.Update(result.status());
  }
  return first.ok() ? SmolvmNotFoundError() : first;
}

absl::StatusOr<SmolvmProgram> SmolvmPrograms::Find(const std::string& path,
                                                   const CancelToken& cancel) {
  return Search(path, /*fresh=*/false, cancel);
}

absl::StatusOr<SmolvmProgram> SmolvmPrograms::Refresh(
    const std::string& path, const CancelToken& cancel) {
  return Search(path, /*fresh=*/true, cancel);
}

}  // namespace bottled
