// IdleIo: while it lives, the calling thread's reads come after those of
// everybody else, where the system can do that; else it does nothing.
//
// Linux: the I/O class "idle" of ioprio_set(2), which schedulers such as bfq
// heed. macOS: setiopolicy_np(3). Of one thread, which should hold no lock
// meanwhile: who waits for it would come last as well.

#ifndef BOTTLED_PLATFORM_IDLE_IO_H_
#define BOTTLED_PLATFORM_IDLE_IO_H_

namespace bottled {

class IdleIo {
 public:
  IdleIo();
  ~IdleIo();
  IdleIo(const IdleIo&) = delete;
  IdleIo& operator=(const IdleIo&) = delete;

 private:
  // What the thread had before; -1: nothing was changed.
  int before_ = -1;
};

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_IDLE_IO_H_
