#include "platform/heap.h"

#include <memory>
#include <vector>

#include "base/sanitized.h"
#include "gtest/gtest.h"

#if defined(__GLIBC__) && !defined(BOTTLED_TESTS_SANITIZED)
#include <unistd.h>

#include <fstream>

namespace bottled {
namespace {

long ResidentBytes() {
  long size = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(HeapTest, GivesBackWhatIsFree) {
  constexpr size_t kBlock = 1000;
  constexpr size_t kBlocks = 64 << 10;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::make_unique<char[]>(kBlock));
    // Volatile: or it may all be optimised away.
    *static_cast<volatile char*>(blocks.back().get()) = 1;
  }
  // What stays, here and there, keeps the heap from shrinking at its end.
  for (size_t i = 0; i < kBlocks; ++i) {
    if (i % 64 != 63) {
      blocks[i].reset();
    }
  }
  const long kept = ResidentBytes();
  ReleaseFreeMemory();
  EXPECT_LT(ResidentBytes(), kept - static_cast<long>(kBlock * kBlocks / 2));
}

}  // namespace
}  // namespace bottled
#endif
