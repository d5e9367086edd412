// Periodic: calls a function again and again from a thread of its own.

#ifndef BOTTLED_APP_PERIODIC_H_
#define BOTTLED_APP_PERIODIC_H_

#include <chrono>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/cancel.h"
#include "base/mutex.h"

namespace bottled {

class Periodic {
 public:
  using Call = std::function<void(const CancelToken& cancel)>;

  // The first call comes at once, the next about `interval` after its end.
  Periodic(std::chrono::milliseconds interval, Call call);
  // Cancels a call that is running, and waits for it.
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  void Run();

  // Constant after construction.
  const std::chrono::milliseconds interval_;
  const Call call_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  CancelSource stop_;
  std::thread thread_;
};

}  // namespace bottled

#endif  // BOTTLED_APP_PERIODIC_H_
