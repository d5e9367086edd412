// Never compiled so far: there was no macOS machine.
#include <fcntl.h>

#include "platform/direct_io.h"

namespace bottled {

bool SetDirectIo(int fd, bool on) {
  return ::fcntl(fd, F_NOCACHE, on ? 1 : 0) == 0;
}

}  // namespace bottled
