#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <sstream>
#include <string>

#include "platform/fd.h"
#include "platform/process_memory.h"

namespace bottled {

int64_t ResidentBytes() {
  const Fd file(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text;
  const ssize_t size =
      file.valid() ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size <= 0) {
    return 0;
  }
  // "size resident shared …", in pages.
  std::istringstream fields(
      std::string(text.data(), static_cast<size_t>(size)));
  int64_t total = 0;
  int64_t resident = 0;
  return fields >> total >> resident ? resident * ::sysconf(_SC_PAGESIZE) : 0;
}

void ReleaseFreeMemory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace bottled
