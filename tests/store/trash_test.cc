#include "store/trash.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/fd.h"
#include "platform/temp_dir.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Names;
using ::testing::SizeIs;

class TrashTest : public ::testing::Test {
 protected:
  TrashTest() {
    fs::create_directory(trash_dir());
    trash_ = std::make_unique<Trash>(trash_dir());
  }
  ~TrashTest() override { Relent(); }
  fs::path trash_dir() const { return dir_.path() / "trash"; }
  fs::path Write(const std::string& name, size_t bytes) {
    const fs::path path = dir_.path() / name;
    std::ofstream(path, std::ios::binary) << std::string(bytes, 'x');
    return path;
  }
  bool Take(const fs::path& path) {
    const absl::StatusOr<bool> taken = trash_->Take(path);
    EXPECT_TRUE(taken.ok()) << taken.status();
    return taken.value_or(false);
  }

  // Makes the name "stuck" resist its removal, that of root as well: a mounted
  // file system stays. False when only root may mount, and this is not root.
  bool Resist() {
    const fs::path stuck = trash_dir() / "stuck";
    fs::create_directory(stuck);
    resists_ =
        ::mount("tmpfs", stuck.c_str(), "tmpfs", 0, "size=64k,mode=0700") == 0;
    return resists_;
  }
  void Relent() {
    if (std::exchange(resists_, false)) {
      EXPECT_EQ(::umount2((trash_dir() / "stuck").c_str(), MNT_DETACH), 0);
    }
  }

  const TempDir dir_;
  bool resists_ = false;
  std::unique_ptr<Trash> trash_;
};

TEST_F(TrashTest, TakesFilesAndKnowsTheirSize) {
  EXPECT_FALSE(Take(dir_.path() / "none"));
  EXPECT_TRUE(Take(Write("a", 100'000)));
  EXPECT_FALSE(fs::exists(dir_.path() / "a"));
  EXPECT_TRUE(Take(Write("a", 100'000)));
  EXPECT_THAT(Names(trash_dir()), SizeIs(2));
  EXPECT_GE(trash_->PendingBytes(), 200'000);
  EXPECT_LE(trash_->PendingBytes(), 300'000);
  const absl::Status status = trash_->Empty();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(Names(trash_dir()), IsEmpty());
  EXPECT_EQ(trash_->PendingBytes(), 0);
}

TEST_F(TrashTest, OtherNamesGiveNothingBack) {
  const fs::path file = Write("a", 100'000);
  fs::create_hard_link(file, dir_.path() / "other");
  EXPECT_TRUE(Take(file));
  EXPECT_EQ(trash_->PendingBytes(), 0);
}

TEST_F(TrashTest, TheThreadRemovesWhatIsThereAndWhatComes) {
  Take(Write("before", 10));
  fs::create_directories(dir_.path() / "tree/below");
  Take(dir_.path() / "tree");
  trash_->Start();
  ASSERT_TRUE(trash_->Drain(CancelToken()).ok());
  EXPECT_THAT(Names(trash_dir()), IsEmpty());
  for (int i = 0; i < 100; ++i) {
    Take(Write("after", 10));
    EXPECT_TRUE(trash_->Empty().ok());
  }
  ASSERT_TRUE(trash_->Drain(CancelToken()).ok());
  EXPECT_THAT(Names(trash_dir()), IsEmpty());
}

TEST_F(TrashTest, AnOpenFileStaysWhole) {
  const fs::path file = Write("a", 5000);
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  Take(file);
  trash_->Start();
  ASSERT_TRUE(trash_->Drain(CancelToken()).ok());
  struct stat info = {};
  ASSERT_EQ(::fstat(fd.get(), &info), 0);
  EXPECT_EQ(info.st_size, 5000);
  EXPECT_EQ(info.st_nlink, 0U);
}

// Whatever it is doing.
TEST_F(TrashTest, EndsAtAnyMoment) {
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 20; ++i) {
      Take(Write("a", 10));
    }
    trash_->Start();
    if (round % 2 == 0) {
      EXPECT_TRUE(trash_->Empty().ok());
    }
    trash_ = std::make_unique<Trash>(trash_dir());
  }
  trash_->Start();
  ASSERT_TRUE(trash_->Drain(CancelToken()).ok());
  EXPECT_THAT(Names(trash_dir()), IsEmpty());
}

TEST_F(TrashTest, ACancelledWaitEnds) {
  Take(Write("a", 10));
  CancelSource source;
  source.Cancel();
  trash_->Start();
  const absl::Status status = trash_->Drain(source.token());
  // It may have been over before the first look.
  EXPECT_TRUE(status.ok() || HasReason(status, "CANCELLED")) << status;
}

// What resists is in nobody's way, and tried again.
TEST_F(TrashTest, WhatResistsIsTriedAgain) {
  if (!Resist()) {
    ASSERT_EQ(std::getenv("CI"), nullptr) << "cannot mount a tmpfs";
    GTEST_SKIP() << "cannot mount a tmpfs (not root?)";
  }
  Take(Write("a", 10));
  Take(Write("zz", 10));
  EXPECT_FALSE(trash_->Empty().ok());
  EXPECT_THAT(Names(trash_dir()), ElementsAre("stuck"));
  EXPECT_EQ(trash_->PendingBytes(), 0);
  trash_->Start();
  ASSERT_TRUE(trash_->Drain(CancelToken()).ok());
  EXPECT_THAT(Names(trash_dir()), ElementsAre("stuck"));
  Relent();
  ASSERT_TRUE(trash_->Drain(CancelToken()).ok());
  EXPECT_THAT(Names(trash_dir()), IsEmpty());
}

}  // namespace
}  // namespace bottled
