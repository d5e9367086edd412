// Interrupt: Ctrl-C as a descriptor. The first one is news for poll(), the
// second one ends the process at once with 130.

#ifndef BOTTLED_CLIENT_INTERRUPT_H_
#define BOTTLED_CLIENT_INTERRUPT_H_

namespace bottled::client {

// While it lives, SIGINT does not end the process. One at a time per process.
class Interrupt {
 public:
  Interrupt();
  // Restores what was there before.
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Readable from the first SIGINT on; never read from it. -1 when the process
  // had no descriptor left: then SIGINT still ends the process.
  int fd() const { return read_fd_; }

 private:
  int read_fd_ = -1;
};

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_INTERRUPT_H_
