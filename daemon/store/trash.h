// Trash: where files wait for their unlink. A large file takes seconds to
// unlink on some file systems; so a removal only renames it to here, and a
// thread of low priority does the rest.
//
// Thread-safe.

#ifndef BOTTLED_STORE_TRASH_H_
#define BOTTLED_STORE_TRASH_H_

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cancel.h"
#include "base/mutex.h"

namespace bottled {

class Trash {
 public:
  // `dir` is a directory of its own on the file system of what it takes.
  explicit Trash(std::filesystem::path dir) : dir_(std::move(dir)) {}
  // Waits for the unlink that the thread is at; the rest stays for the next
  // start.
  ~Trash();
  Trash(const Trash&) = delete;
  Trash& operator=(const Trash&) = delete;

  // From now on a thread of its own unlinks, what lies there already first.
  // Once.
  void Start();

  // Moves `path`, whatever it is, here; false when there is nothing. Its
  // directory is the caller's to sync.
  absl::StatusOr<bool> Take(const std::filesystem::path& path);

  // Gets rid of what Take() took: blocks for the unlinks, and returns their
  // error; after Start() the thread does it and logs its errors, and the result
  // is OK. What could not be removed is tried again with the next call.
  absl::Status Empty();

  // Waits until the thread has been through all that lies here now; returns at
  // once without a thread. CANCELLED.
  absl::Status Drain(const CancelToken& cancel);

  // Allocated to what lies here, and so to come back; without what the last try
  // could not remove and what has other names. Blocks for a look at the
  // directory. Errors count as nothing.
  int64_t PendingBytes() const;

 private:
  void Run();
  absl::Status RemoveAll(bool background);

  // Constant after construction.
  const std::filesystem::path dir_;

  mutable Mutex mu_;
  CondVar changed_;
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // Rounds that were asked for, and rounds that have ended.
  int64_t wanted_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t ended_ ABSL_GUARDED_BY(mu_) = 0;
  // Names that the last round could not remove.
  std::set<std::string> resisting_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_STORE_TRASH_H_
