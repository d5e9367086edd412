#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/mode_of.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(EnsurePrivateDir, CreatesParentsWhateverTheUmask) {
  const TempDir dir;
  const mode_t old = ::umask(0277);
  // Parents with such a umask would be closed to us.
  const absl::Status leaf = EnsurePrivateDir(dir / "x", 0700);
  ::umask(0);
  const absl::Status deep = EnsurePrivateDir(dir / "a/b/c", 0700);
  ::umask(old);
  ASSERT_TRUE(leaf.ok()) << leaf;
  ASSERT_TRUE(deep.ok()) << deep;
  EXPECT_EQ(ModeOf(dir / "x"), 0700U);
  EXPECT_EQ(ModeOf(dir / "a"), 0700U);
  EXPECT_EQ(ModeOf(dir / "a/b"), 0700U);
  EXPECT_EQ(ModeOf(dir / "a/b/c"), 0700U);
  EXPECT_TRUE(EnsurePrivateDir(dir / "a/b/c", 0700).ok());
  EXPECT_TRUE(EnsurePrivateDir(dir / "a/b/c/", 0700).ok());
}

TEST(EnsurePrivateDir, ClosesWhatOthersMayOnlyRead) {
  const TempDir dir;
  ASSERT_EQ(::mkdir((dir / "d").c_str(), 0700), 0);
  ASSERT_EQ(::chmod((dir / "d").c_str(), 0755), 0);
  ASSERT_TRUE(EnsurePrivateDir(dir / "d", 0700).ok());
  EXPECT_EQ(ModeOf(dir / "d"), 0700U);
  // Stricter than asked for is left alone.
  ASSERT_TRUE(EnsurePrivateDir(dir / "d", 0755).ok());
  EXPECT_EQ(ModeOf(dir / "d"), 0700U);
}

TEST(EnsurePrivateDir, RefusesWhatOthersMayWrite) {
  const TempDir dir;
  for (const mode_t mode : {0770U, 0702U, 0777U, 01777U}) {
    ASSERT_EQ(::mkdir((dir / "d").c_str(), 0700), 0);
    ASSERT_EQ(::chmod((dir / "d").c_str(), mode), 0);
    const absl::Status status = EnsurePrivateDir(dir / "d", 0700);
    EXPECT_TRUE(HasReason(status, "UNSAFE_DIRECTORY")) << mode;
    EXPECT_THAT(GetErrorDetail(status).remedy, HasSubstr("chmod 0700"));
    EXPECT_EQ(ModeOf(dir / "d"), mode) << "must not be changed";
    ASSERT_EQ(::rmdir((dir / "d").c_str()), 0);
  }
}

TEST(EnsurePrivateDir, RefusesLinksAndFiles) {
  const TempDir dir;
  ASSERT_EQ(::mkdir((dir / "real").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("real", (dir / "link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", (dir / "dangling").c_str()), 0);
  ASSERT_TRUE(WriteFileAtomic(dir / "file", "", 0600).ok());
  for (const char* name : {"link", "link/", "link/.", "dangling", "file"}) {
    EXPECT_TRUE(
        HasReason(EnsurePrivateDir(dir / name, 0700), "UNSAFE_DIRECTORY"))
        << name;
  }
  EXPECT_FALSE(std::filesystem::exists(dir / "nowhere"));
  EXPECT_FALSE(EnsurePrivateDir(dir / "file/below", 0700).ok());
  // A link among the parents is the user's own business (a moved home).
  EXPECT_TRUE(EnsurePrivateDir(dir / "link/below", 0700).ok());
}

TEST(EnsurePrivateDir, RefusesAnotherOwner) {
  if (::geteuid() != 0) {
    const absl::Status status = EnsurePrivateDir("/usr", 0755);
    EXPECT_TRUE(HasReason(status, "UNSAFE_DIRECTORY"));
    return;
  }
  const TempDir dir;
  ASSERT_EQ(::mkdir((dir / "d").c_str(), 0700), 0);
  ASSERT_EQ(::chown((dir / "d").c_str(), 12345, 12345), 0);
  const absl::Status status = EnsurePrivateDir(dir / "d", 0700);
  EXPECT_TRUE(HasReason(status, "UNSAFE_DIRECTORY"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("12345"));
  EXPECT_THAT(GetErrorDetail(status).remedy, HasSubstr("chown"));
}

TEST(ListDir, SortsAndTakesAbsenceAsEmpty) {
  const TempDir dir;
  for (const char* name : {"b", "a", ".hidden", "c"}) {
    ASSERT_TRUE(WriteFileAtomic(dir / name, "", 0600).ok());
  }
  EXPECT_THAT(*ListDir(dir.path()), ElementsAre(".hidden", "a", "b", "c"));
  EXPECT_THAT(*ListDir(dir / "none"), IsEmpty());
  EXPECT_FALSE(ListDir(dir / "a").ok());
}

}  // namespace
}  // namespace bottled
