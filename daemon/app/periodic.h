// Periodic: calls a function again and again from a thread of its own.

#ifndef BOTTLED_APP_PERIODIC_H_
#define BOTTLED_APP_PERIODIC_H_

#include <chrono>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace bottled {

class Periodic {
 public:
  // The first call comes at once, the next about `interval` after its end.
  Periodic(std::chrono::milliseconds interval, std::function<void()> call);
  // Waits for a call that is running.
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  void Run();

  // Constant after construction.
  const std::chrono::milliseconds interval_;
  const std::function<void()> call_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_APP_PERIODIC_H_
