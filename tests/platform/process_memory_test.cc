#include "platform/process_memory.h"

#include <cstring>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace bottled {
namespace {

TEST(ProcessMemoryTest, KnowsWhatIsResident) {
  constexpr size_t kSize = 64 << 20;
  const int64_t before = ResidentBytes();
  EXPECT_GT(before, 1 << 20);
  const std::unique_ptr<char[]> touched(new char[kSize]);
  std::memset(touched.get(), 1, kSize);
  EXPECT_GT(ResidentBytes(), before + static_cast<int64_t>(kSize / 2));
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
TEST(ProcessMemoryTest, GivesBackWhatIsFree) {
  constexpr size_t kBlock = 1000;
  constexpr size_t kBlocks = 64 << 10;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks.emplace_back(new char[kBlock]);
    std::memset(blocks.back().get(), 1, kBlock);
  }
  // What stays, here and there, keeps the heap from shrinking at its end.
  for (size_t i = 0; i < kBlocks; ++i) {
    if (i % 64 != 63) {
      blocks[i].reset();
    }
  }
  const int64_t kept = ResidentBytes();
  ReleaseFreeMemory();
  EXPECT_LT(ResidentBytes(), kept - static_cast<int64_t>(kBlock * kBlocks / 2));
}
#endif

}  // namespace
}  // namespace bottled
