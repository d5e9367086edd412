#include "platform/direct_io.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "platform/fd.h"
#include "platform/file.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

TEST(DirectIoTest, WritesWhatIsAligned) {
  const TempDir dir;
  const Fd fd(
      ::open((dir.path() / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_TRUE(fd.valid());
  if (!SetDirectIo(fd.get(), true)) {
    GTEST_SKIP() << "this file system has no direct I/O";
  }
  constexpr size_t kSize = 64 * kDirectAlignment;
  const DirectBuffer buffer(kSize);
  for (size_t i = 0; i < kSize; ++i) {
    buffer.data()[i] = static_cast<char>(i * 31 + i / 4096);
  }
  const std::string_view all(buffer.data(), kSize);
  ASSERT_TRUE(PwriteAll(fd.get(), all, 0).ok());
  // Behind it, as it comes.
  ASSERT_TRUE(SetDirectIo(fd.get(), false));
  ASSERT_TRUE(
      PwriteAll(fd.get(), all.substr(1, 777), static_cast<int64_t>(kSize))
          .ok());
  struct stat info = {};
  ASSERT_EQ(::fstat(fd.get(), &info), 0);
  ASSERT_EQ(info.st_size, static_cast<int64_t>(kSize + 777));
  std::string read(kSize + 777, '\0');
  ASSERT_TRUE(PreadAll(fd.get(), read, 0).ok());
  EXPECT_TRUE(read == std::string(all) + std::string(all.substr(1, 777)));
}

TEST(DirectIoTest, ABadDescriptorCannot) {
  EXPECT_FALSE(SetDirectIo(-1, true));
}

TEST(DirectIoTest, ABufferIsAlignedAndCanBeMoved) {
  DirectBuffer buffer(1);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kDirectAlignment, 0u);
  char* const data = buffer.data();
  DirectBuffer moved(std::move(buffer));
  EXPECT_EQ(moved.data(), data);
  EXPECT_EQ(moved.bytes(), 1u);
  // NOLINTNEXTLINE(bugprone-use-after-move): that is what is tested.
  EXPECT_EQ(buffer.bytes(), 0u);
  buffer = std::move(moved);
  EXPECT_EQ(buffer.data(), data);
}

}  // namespace
}  // namespace bottled
