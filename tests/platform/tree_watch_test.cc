#include "platform/tree_watch.h"

#include <poll.h>

#include <fstream>
#include <memory>
#include <string>

#include "base/error.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

constexpr int kPatienceMs = 60'000;

bool Nothing(const std::string& /*relative*/) { return false; }

class TreeWatchTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text = "x") {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name) << text;
  }
  void Begin(TreeWatch::Skip skip = Nothing, size_t max_directories = 100) {
    auto started =
        TreeWatch::Start(dir_.path(), std::move(skip), max_directories);
    ASSERT_TRUE(started.ok()) << started.status();
    watch_ = *std::move(started);
  }
  // Inotify tells before the change's system call returns.
  bool Told() {
    const auto changed = watch_->Changed();
    EXPECT_TRUE(changed.ok()) << changed.status();
    return changed.value_or(false);
  }

  TempDir dir_;
  std::unique_ptr<TreeWatch> watch_;
};

TEST_F(TreeWatchTest, SeesChangesOfFiles) {
  Write("a/b/file");
  Begin();
  EXPECT_FALSE(Told());
  Write("a/b/file", "more");
  pollfd wait = {watch_->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, kPatienceMs), 1);
  EXPECT_TRUE(Told());
  EXPECT_FALSE(Told());
  fs::permissions(dir_ / "a/b/file", fs::perms::owner_exec);
  EXPECT_TRUE(Told());
  fs::rename(dir_ / "a/b/file", dir_ / "a/other");
  EXPECT_TRUE(Told());
  fs::remove(dir_ / "a/other");
  EXPECT_TRUE(Told());
  fs::create_symlink("/nowhere", dir_ / "a/link");
  EXPECT_TRUE(Told());
}

TEST_F(TreeWatchTest, ReadingIsNoChange) {
  Write("file", "text");
  Begin();
  std::ifstream file(dir_ / "file");
  std::string text;
  file >> text;
  EXPECT_EQ(text, "text");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1);
  EXPECT_FALSE(Told());
}

TEST_F(TreeWatchTest, SeesWhatIsInNewDirectories) {
  Begin();
  fs::create_directories(dir_ / "new/deep");
  EXPECT_TRUE(Told());
  Write("new/deep/file");
  EXPECT_TRUE(Told());
}

TEST_F(TreeWatchTest, FollowsDirectoriesThatMove) {
  Write("old/in/file");
  Begin();
  fs::rename(dir_ / "old", dir_ / "new");
  EXPECT_TRUE(Told());
  Write("new/in/file", "more");
  EXPECT_TRUE(Told());
}

TEST_F(TreeWatchTest, WhatMovedOutIsNotWatched) {
  Write("old/file");
  const TempDir elsewhere;
  Begin();
  fs::rename(dir_ / "old", elsewhere / "old");
  EXPECT_TRUE(Told());
  std::ofstream(elsewhere / "old/file") << "more";
  EXPECT_FALSE(Told());
}

TEST_F(TreeWatchTest, LeavesOutWhatIsSkipped) {
  Write("build/deep/file");
  Write("keep/file");
  Begin([](const std::string& relative) {
    return relative == "build" || relative == "keep/file.tmp";
  });
  Write("build/deep/file", "more");
  Write("build/another");
  Write("keep/file.tmp");
  EXPECT_FALSE(Told());
  Write("keep/file", "more");
  EXPECT_TRUE(Told());
}

TEST_F(TreeWatchTest, ALinkIsNotFollowed) {
  const TempDir elsewhere;
  fs::create_directory_symlink(elsewhere.path(), dir_ / "link");
  Begin();
  std::ofstream(elsewhere / "file") << "x";
  EXPECT_FALSE(Told());
}

TEST_F(TreeWatchTest, TooManyDirectoriesAreALimit) {
  fs::create_directories(dir_ / "a/b/c");
  const auto refused = TreeWatch::Start(dir_.path(), Nothing, 3);
  EXPECT_TRUE(HasReason(refused.status(), "WATCH_LIMIT")) << refused.status();
  Begin(Nothing, 4);
  fs::create_directories(dir_ / "d");
  EXPECT_TRUE(HasReason(watch_->Changed().status(), "WATCH_LIMIT"));
}

TEST_F(TreeWatchTest, ARootThatIsGoneIsAnError) {
  const auto absent = TreeWatch::Start(dir_ / "absent", Nothing, 3);
  EXPECT_TRUE(HasReason(absent.status(), "NOT_FOUND")) << absent.status();
  Begin();
  fs::remove(dir_.path());
  EXPECT_TRUE(HasReason(watch_->Changed().status(), "NOT_FOUND"));
}

// Inotify's queue holds /proc/sys/fs/inotify/max_queued_events.
TEST_F(TreeWatchTest, AQueueThatRanOverIsAChangeAndIsWalkedAnew) {
  size_t queue = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> queue;
  if (queue == 0 || queue > 100'000) {
    GTEST_SKIP() << "a queue of " << queue << " events is not overrun here";
  }
  Write("one");
  Write("two");
  Begin();
  // Equal events in a row are one, so two files take turns.
  for (size_t i = 0; i <= queue; ++i) {
    fs::permissions(dir_ / (i % 2 == 0 ? "one" : "two"),
                    i % 4 < 2 ? fs::perms::owner_all : fs::perms::owner_read);
  }
  fs::create_directory(dir_ / "unseen");
  EXPECT_TRUE(Told());
  Write("unseen/file");
  EXPECT_TRUE(Told());
}

}  // namespace
}  // namespace bottled
