#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using testing::ElementsAre;

bool Exists(const std::filesystem::path& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0;
}

TEST(RemoveTree, RemovesEveryKind) {
  const TempDir dir;
  std::filesystem::create_directories(dir / "t/a/b/c");
  ASSERT_TRUE(WriteFileAtomic(dir / "t/a/file", "x", 0400).ok());
  ASSERT_EQ(::mkfifo((dir / "t/a/b/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/nowhere", (dir / "t/dangling").c_str()), 0);
  ASSERT_TRUE(WriteFileAtomic(dir / "t/new\nline", "x", 0600).ok());
  EXPECT_TRUE(RemoveTree(dir / "t").ok());
  EXPECT_FALSE(Exists(dir / "t"));
}

TEST(RemoveTree, AbsentAndSingleFiles) {
  const TempDir dir;
  EXPECT_TRUE(RemoveTree(dir / "none").ok());
  EXPECT_TRUE(RemoveTree(dir / "none/below").ok());
  ASSERT_TRUE(WriteFileAtomic(dir / "file", "x", 0600).ok());
  EXPECT_TRUE(RemoveTree(dir / "file").ok());
  EXPECT_FALSE(Exists(dir / "file"));
}

TEST(RemoveTree, DoesNotFollowLinks) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "outside");
  ASSERT_TRUE(WriteFileAtomic(dir / "outside/kept", "x", 0600).ok());
  std::filesystem::create_directory(dir / "t");
  ASSERT_EQ(::symlink("../outside", (dir / "t/link").c_str()), 0);
  ASSERT_EQ(::symlink("outside", (dir / "top").c_str()), 0);
  EXPECT_TRUE(RemoveTree(dir / "t").ok());
  EXPECT_TRUE(RemoveTree(dir / "top/").ok());
  EXPECT_THAT(*ListDir(dir.path()), ElementsAre("outside"));
  EXPECT_TRUE(Exists(dir / "outside/kept"));
}

TEST(RemoveTree, AnyDepth) {
  const TempDir dir;
  // 2000 levels: no path reaches the bottom, and no process may have so many
  // directories open.
  ASSERT_EQ(::mkdir((dir / "t").c_str(), 0700), 0);
  Fd at(::open((dir / "t").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "deeper", 0700), 0);
    const Fd file(
        ::openat(at.get(), "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ASSERT_TRUE(file.valid());
    at = Fd(::openat(at.get(), "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.valid());
  }
  at.Reset();
  const absl::Status status = RemoveTree(dir / "t");
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_FALSE(Exists(dir / "t"));
}

TEST(RemoveTree, ManyEntries) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "t");
  for (int i = 0; i < 5000; ++i) {
    const Fd file(::open((dir / "t" / std::to_string(i)).c_str(),
                         O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ASSERT_TRUE(file.valid());
  }
  EXPECT_TRUE(RemoveTree(dir / "t").ok());
  EXPECT_FALSE(Exists(dir / "t"));
}

TEST(RemoveTree, DirectoriesWithoutPermissions) {
  // Root is let in anyway; then this only shows that nothing breaks.
  const TempDir dir;
  for (const mode_t mode : {0U, 0100U, 0400U, 0500U}) {
    std::filesystem::create_directories(dir / "t/closed/inner");
    ASSERT_TRUE(WriteFileAtomic(dir / "t/closed/file", "x", 0600).ok());
    ASSERT_EQ(::chmod((dir / "t/closed").c_str(), mode), 0);
    const absl::Status status = RemoveTree(dir / "t");
    EXPECT_TRUE(status.ok()) << mode << ": " << status;
    EXPECT_FALSE(Exists(dir / "t"));
  }
}

}  // namespace
}  // namespace bottled
