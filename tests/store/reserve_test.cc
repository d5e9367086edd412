#include "store/reserve.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMiB = int64_t{1} << 20;

int64_t Allocated(const fs::path& path) {
  struct stat info = {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return static_cast<int64_t>(info.st_blocks) * 512;
}

TEST(ReserveTest, ItsSizeFollowsTheDisks) {
  EXPECT_EQ(Reserve::SizeFor(int64_t{1} << 40), 16 * kMiB);
  EXPECT_EQ(Reserve::SizeFor(0), 16 * kMiB);
  EXPECT_EQ(Reserve::SizeFor(64 * kMiB), 4 * kMiB);
}

TEST(ReserveTest, HoldsRealSpace) {
  const TempDir dir;
  Reserve reserve(dir / "reserve");
  EXPECT_FALSE(reserve.held());
  ASSERT_TRUE(reserve.Make().ok());
  EXPECT_TRUE(reserve.held());
  EXPECT_GE(Allocated(dir / "reserve"), reserve.bytes());
  EXPECT_GT(reserve.bytes(), 0);
  EXPECT_EQ(fs::status(dir / "reserve").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  // One that is whole is left as it is.
  struct stat before = {};
  ASSERT_EQ(::stat((dir / "reserve").c_str(), &before), 0);
  Reserve again(dir / "reserve");
  ASSERT_TRUE(again.Make().ok());
  struct stat after = {};
  ASSERT_EQ(::stat((dir / "reserve").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_TRUE(again.Drop());
  EXPECT_FALSE(again.held());
  EXPECT_FALSE(again.Drop());
  EXPECT_FALSE(fs::exists(dir / "reserve"));
}

TEST(ReserveTest, ReplacesWhatIsNone) {
  const TempDir dir;
  Reserve reserve(dir / "reserve");
  std::ofstream(dir / "reserve") << "short";
  ASSERT_TRUE(reserve.Make().ok());
  EXPECT_GE(Allocated(dir / "reserve"), reserve.bytes());
  // Holes are no space.
  fs::remove(dir / "reserve");
  std::ofstream(dir / "reserve").close();
  fs::resize_file(dir / "reserve", static_cast<uintmax_t>(reserve.bytes()));
  ASSERT_LT(Allocated(dir / "reserve"), reserve.bytes());
  ASSERT_TRUE(reserve.Make().ok());
  EXPECT_GE(Allocated(dir / "reserve"), reserve.bytes());
  // A planted link is not followed.
  fs::remove(dir / "reserve");
  std::ofstream(dir / "target") << "precious";
  fs::create_symlink(dir / "target", dir / "reserve");
  ASSERT_TRUE(reserve.Make().ok());
  EXPECT_EQ(fs::file_size(dir / "target"), 8U);
  EXPECT_FALSE(fs::is_symlink(dir / "reserve"));
}

TEST(ReserveTest, AnErrorLeavesNothing) {
  const TempDir dir;
  Reserve reserve(dir / "none/reserve");
  EXPECT_TRUE(HasReason(reserve.Make(), "NOT_FOUND"));
  EXPECT_FALSE(reserve.held());
}

}  // namespace
}  // namespace bottled
