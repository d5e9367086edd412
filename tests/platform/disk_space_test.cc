#include "platform/disk_space.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "gtest/gtest.h"
#include "platform/fd.h"
#include "platform/file.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

TEST(DiskSpaceTest, TellsWhatThereIs) {
  const TempDir dir;
  const auto space = LookAtDisk(dir.path());
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_EQ(space->total_bytes, TotalBytes(dir.path()).value_or(-1));
  EXPECT_GT(space->free_bytes, 0);
  EXPECT_LE(space->free_bytes, space->total_bytes);
  EXPECT_LE(space->free_files, space->total_files);
  EXPECT_TRUE(HasReason(LookAtDisk(dir / "none").status(), "NOT_FOUND"));
}

TEST(DiskSpaceTest, PreallocatesRealSpace) {
  const TempDir dir;
  const Fd fd(
      ::open((dir / "a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  constexpr int64_t kBytes = int64_t{1} << 20;
  const absl::Status status = Preallocate(fd.get(), kBytes);
  ASSERT_TRUE(status.ok()) << status;
  struct stat info = {};
  ASSERT_EQ(::fstat(fd.get(), &info), 0);
  EXPECT_EQ(info.st_size, kBytes);
  EXPECT_GE(static_cast<int64_t>(info.st_blocks) * 512, kBytes);
  EXPECT_FALSE(Preallocate(-1, kBytes).ok());
}

}  // namespace
}  // namespace bottled
