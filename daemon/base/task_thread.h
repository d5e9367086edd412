// TaskThread: one thread that does what others must not wait for.

#ifndef BOTTLED_BASE_TASK_THREAD_H_
#define BOTTLED_BASE_TASK_THREAD_H_

#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "base/mutex.h"

namespace bottled {

// Thread-safe.
class TaskThread {
 public:
  using Task = absl::AnyInvocable<void()>;

  TaskThread();
  // Runs what was posted, and waits for it.
  ~TaskThread();
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  // Has `task` run after those before it. Never blocks. May be called from a
  // task.
  void Post(Task task);

 private:
  void Run();

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_BASE_TASK_THREAD_H_
