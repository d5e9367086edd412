#include "store/trash.h"

#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "platform/fault_points.h"
#include "platform/file.h"
#include "platform/idle_io.h"
#include "platform/thread_priority.h"
#include "store/object_file.h"

namespace bottled {
namespace {

// How often a waiting caller looks at its token.
constexpr std::chrono::milliseconds kLookAtToken(100);
constexpr int64_t kBlockBytes = 512;  // of st_blocks

}  // namespace

Trash::~Trash() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Trash::Start() {
  {
    MutexLock lock(mu_);
    started_ = true;
    ++wanted_;
  }
  thread_ = std::thread([this] { Run(); });
}

absl::StatusOr<bool> Trash::Take(const std::filesystem::path& path) {
  return MoveAside(path, dir_);
}

absl::Status Trash::Empty() {
  {
    MutexLock lock(mu_);
    if (started_) {
      ++wanted_;
      changed_.NotifyAll();
      return absl::OkStatus();
    }
  }
  return RemoveAll(/*background=*/false);
}

absl::Status Trash::Drain(const CancelToken& cancel) {
  MutexLock lock(mu_);
  if (!started_) {
    return absl::OkStatus();
  }
  const int64_t round = ++wanted_;
  changed_.NotifyAll();
  while (ended_ < round && !stopping_) {
    RETURN_IF_ERROR(cancel.Check());
    changed_.WaitFor(mu_, kLookAtToken);
  }
  return absl::OkStatus();
}

int64_t Trash::PendingBytes() const {
  const absl::StatusOr<std::vector<std::string>> names = ListDir(dir_);
  if (!names.ok()) {
    return 0;
  }
  int64_t bytes = 0;
  for (const std::string& name : *names) {
    struct stat info = {};
    if (::lstat((dir_ / name).c_str(), &info) != 0 || info.st_nlink > 1) {
      continue;
    }
    MutexLock lock(mu_);
    if (!resisting_.contains(name)) {
      bytes += static_cast<int64_t>(info.st_blocks) * kBlockBytes;
    }
  }
  return bytes;
}

absl::Status Trash::RemoveAll(bool background) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(dir_));
  std::set<std::string> resisting;
  absl::Status first;
  for (const std::string& name : names) {
    if (background) {
      MutexLock lock(mu_);
      if (stopping_) {
        return first;
      }
    }
    // In one piece: whoever still has it open must find it whole, so it cannot
    // be cut down first.
    const absl::Status status = RemoveTree(dir_ / name);
    CRASH_POINT("trash.removed");
    if (!status.ok()) {
      resisting.insert(name);
      first.Update(status);
    }
  }
  MutexLock lock(mu_);
  resisting_ = std::move(resisting);
  return first;
}

void Trash::Run() {
  LowerThreadPriority();
  const IdleIo idle;
  while (true) {
    int64_t round = 0;
    {
      MutexLock lock(mu_);
      while (!stopping_ && ended_ == wanted_) {
        changed_.Wait(mu_);
      }
      if (stopping_) {
        return;
      }
      round = wanted_;
    }
    const absl::Status status = RemoveAll(/*background=*/true);
    if (!status.ok()) {
      Log("store")->warn("the trash cannot be emptied: {}",
                         Printable(std::string(status.message()), 512));
    }
    MutexLock lock(mu_);
    ended_ = round;
    changed_.NotifyAll();
  }
}

}  // namespace bottled
