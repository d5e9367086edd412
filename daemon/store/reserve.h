// Reserve: a file that holds some space of a file system. On a full disk not
// even a row can be deleted, as the index must write for that; giving the
// reserve up makes the room for it.
//
// Thread-safe.

#ifndef BOTTLED_STORE_RESERVE_H_
#define BOTTLED_STORE_RESERVE_H_

#include <cstdint>
#include <filesystem>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "platform/disk_space.h"

namespace bottled {

class Reserve {
 public:
  // 16 MiB, four times what the index's log grows to; less on a small disk.
  static int64_t SizeFor(int64_t disk_bytes);

  explicit Reserve(std::filesystem::path path) : path_(std::move(path)) {}

  // Makes the file unless it is there and whole. An error of the disk: then
  // nothing is left of it.
  absl::Status Make();
  // Unlinks it. False when there was none.
  bool Drop();
  // What the last Make() or Drop() left.
  bool held() const;
  // The file's size, when it is held, else 0.
  int64_t bytes() const;
  // The room on its file system.
  absl::StatusOr<DiskSpace> Look() const;

  const std::filesystem::path& path() const { return path_; }

 private:
  absl::Status MakeFile(int64_t size);

  // Constant after construction.
  const std::filesystem::path path_;

  mutable Mutex mu_;
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace bottled

#endif  // BOTTLED_STORE_RESERVE_H_
