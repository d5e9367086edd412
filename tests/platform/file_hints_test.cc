#include "platform/file_hints.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>

#include "gtest/gtest.h"
#include "platform/fd.h"
#include "platform/file.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

TEST(FileHintsTest, LeaveTheOtherBytesAlone) {
  const TempDir dir;
  const Fd fd(
      ::open((dir.path() / "f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_TRUE(fd.valid());
  std::string data(1 << 20, '\0');
  for (size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<char>(i * 31 + i / 4096);
  }
  ASSERT_TRUE(PwriteAll(fd.get(), data, 0).ok());
  StartWriteback(fd.get(), 0, 1 << 20);
  // Not aligned to any block.
  constexpr int64_t kBegin = 10'001;
  constexpr int64_t kLength = 700'003;
  DiscardRange(fd.get(), kBegin, kLength);

  struct stat info = {};
  ASSERT_EQ(::fstat(fd.get(), &info), 0);
  EXPECT_EQ(info.st_size, 1 << 20);
  std::string head(kBegin, '\0');
  ASSERT_TRUE(PreadAll(fd.get(), head, 0).ok());
  EXPECT_EQ(head, data.substr(0, kBegin));
  std::string tail(data.size() - kBegin - kLength, '\0');
  ASSERT_TRUE(PreadAll(fd.get(), tail, kBegin + kLength).ok());
  EXPECT_EQ(tail, data.substr(kBegin + kLength));
}

TEST(FileHintsTest, ABadDescriptorIsIgnored) {
  StartWriteback(-1, 0, 10);
  DiscardRange(-1, 0, 10);
}

}  // namespace
}  // namespace bottled
