#include "platform/idle_io.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "gtest/gtest.h"

namespace bottled {
namespace {

// The I/O class of the calling thread: ioprio_get(2), 3 is idle.
int IoClass() {
  return static_cast<int>(::syscall(SYS_ioprio_get, 1, 0)) >> 13;
}

TEST(IdleIo, IsOfAScope) {
  const int before = IoClass();
  if (before < 0) {
    if (std::getenv("CI") != nullptr) {
      FAIL() << "no ioprio_get here";
    }
    GTEST_SKIP() << "no ioprio_get here";
  }
  {
    const IdleIo idle;
    EXPECT_EQ(IoClass(), 3);
  }
  EXPECT_NE(IoClass(), 3);
}

}  // namespace
}  // namespace bottled
