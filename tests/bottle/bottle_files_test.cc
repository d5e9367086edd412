#include "bottle/bottle_files.h"

#include <sys/stat.h>

#include <fstream>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class BottleFiles : public ::testing::Test {
 protected:
  std::string Read(const std::string& path) const {
    return ReadSmallFile(dir_ / path, 1 << 20).value_or("<cannot read>");
  }
  // Names relative to the bottle's directory.
  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(dir_)) {
      names.insert(entry.path().lexically_relative(dir_).native());
    }
    return names;
  }
  mode_t ModeOf(const std::string& path) const {
    struct stat info = {};
    EXPECT_EQ(::lstat((dir_ / path).c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  ino_t InodeOf(const std::string& path) const {
    struct stat info = {};
    EXPECT_EQ(::lstat((dir_ / path).c_str(), &info), 0) << path;
    return info.st_ino;
  }

  TempDir temp_;
  const fs::path dir_ = temp_.path() / "bottles" / "a-00000";
};

TEST_F(BottleFiles, WritesAllWithPrivateModes) {
  ASSERT_TRUE(WriteBottleFiles(dir_,
                               {{.path = "agent/prompt.txt", .content = "hi"},
                                {.path = "git-gate/hooks/x", .content = "y"}},
                               {"supervise/queue"}, "{}")
                  .ok());
  EXPECT_THAT(Names(), UnorderedElementsAre("agent", "agent/prompt.txt",
                                            "git-gate", "git-gate/hooks",
                                            "git-gate/hooks/x", "supervise",
                                            "supervise/queue", "plan.json"));
  EXPECT_EQ(Read("agent/prompt.txt"), "hi");
  EXPECT_EQ(Read("plan.json"), "{}");
  EXPECT_EQ(ModeOf("agent/prompt.txt"), 0600U);
  EXPECT_EQ(ModeOf("plan.json"), 0600U);
  EXPECT_EQ(ModeOf("git-gate/hooks"), 0700U);
  EXPECT_EQ(ModeOf("."), 0700U);
}

TEST_F(BottleFiles, LeavesSameContentAlone) {
  const std::vector<BottleFile> files = {{.path = "a/x", .content = "1"},
                                         {.path = "a/y", .content = "1"}};
  ASSERT_TRUE(WriteBottleFiles(dir_, files, {}, "{}").ok());
  const ino_t kept = InodeOf("a/x");
  const ino_t changed = InodeOf("a/y");
  ASSERT_TRUE(WriteBottleFiles(
                  dir_, {files[0], {.path = "a/y", .content = "2"}}, {}, "{}")
                  .ok());
  EXPECT_EQ(InodeOf("a/x"), kept);
  EXPECT_NE(InodeOf("a/y"), changed);
  EXPECT_EQ(Read("a/y"), "2");
}

TEST_F(BottleFiles, MendsAModeThatSomebodyWidened) {
  const std::vector<BottleFile> files = {{.path = "a/x", .content = "1"}};
  ASSERT_TRUE(WriteBottleFiles(dir_, files, {}, "{}").ok());
  ASSERT_EQ(::chmod((dir_ / "a/x").c_str(), 0644), 0);
  ASSERT_TRUE(WriteBottleFiles(dir_, files, {}, "{}").ok());
  EXPECT_EQ(ModeOf("a/x"), 0600U);
}

TEST_F(BottleFiles, RemovesWhatAnEarlierRevisionHad) {
  ASSERT_TRUE(WriteBottleFiles(dir_,
                               {{.path = "git-gate/x", .content = "1"},
                                {.path = "agent/p", .content = "1"}},
                               {"supervise/queue"}, "{}")
                  .ok());
  std::ofstream(dir_ / "supervise/queue/job") << "waits";
  ASSERT_TRUE(WriteBottleFiles(dir_, {{.path = "agent/p", .content = "1"}},
                               {"supervise/queue"}, "{}")
                  .ok());
  EXPECT_THAT(Names(), UnorderedElementsAre(
                           "agent", "agent/p", "supervise", "supervise/queue",
                           "supervise/queue/job", "plan.json"));
}

TEST_F(BottleFiles, ReplacesALinkInsteadOfWritingThroughIt) {
  const fs::path outside = temp_.path() / "outside";
  std::ofstream(outside) << "1";
  ASSERT_TRUE(
      WriteBottleFiles(dir_, {{.path = "a/x", .content = "1"}}, {}, "{}").ok());
  fs::remove(dir_ / "a/x");
  fs::create_symlink(outside, dir_ / "a/x");
  ASSERT_TRUE(
      WriteBottleFiles(dir_, {{.path = "a/x", .content = "2"}}, {}, "{}").ok());
  EXPECT_EQ(ReadSmallFile(outside, 10).value_or(""), "1");
  EXPECT_FALSE(fs::is_symlink(dir_ / "a/x"));
  EXPECT_EQ(Read("a/x"), "2");
}

TEST_F(BottleFiles, RefusesADirectoryThatIsALink) {
  fs::create_directories(dir_.parent_path());
  fs::permissions(dir_.parent_path(), fs::perms::owner_all);
  fs::create_directories(temp_.path() / "elsewhere");
  fs::create_directory_symlink(temp_.path() / "elsewhere", dir_);
  EXPECT_FALSE(
      WriteBottleFiles(dir_, {{.path = "x", .content = ""}}, {}, "{}").ok());
  EXPECT_TRUE(fs::is_empty(temp_.path() / "elsewhere"));
}

TEST_F(BottleFiles, LeavesNoTemporaryFileAfterAFailure) {
  ASSERT_TRUE(
      WriteBottleFiles(dir_, {{.path = "a/x", .content = "1"}}, {}, "{}").ok());
  // A directory where a file shall be: the rename fails.
  fs::create_directories(dir_ / "a/y");
  EXPECT_FALSE(
      WriteBottleFiles(dir_, {{.path = "a/y", .content = "2"}}, {}, "{}").ok());
  EXPECT_THAT(Names(), UnorderedElementsAre("a", "a/x", "a/y", "plan.json"));
}

}  // namespace
}  // namespace bottled
