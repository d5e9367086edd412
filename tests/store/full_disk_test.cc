// A file system without room: a small tmpfs, which only root may mount.
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::Disagreement;
using testing::KeyOf;
using testing::SidecarLike;
using testing::StoreEnv;

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    mounted_ = ::mount("tmpfs", dir_.path().c_str(), "tmpfs", 0,
                       "size=3m,mode=0700") == 0;
    if (!mounted_) {
      if (std::getenv("CI") != nullptr) {
        FAIL() << "cannot mount a tmpfs";
      }
      GTEST_SKIP() << "cannot mount a tmpfs (not root?)";
    }
    env_ = std::make_unique<StoreEnv>(dir_.path());
    const absl::Status status = env_->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  void TearDown() override {
    env_.reset();
    if (mounted_) {
      EXPECT_EQ(::umount2(dir_.path().c_str(), MNT_DETACH), 0);
    }
  }

  fs::path Filler() { return dir_.path() / "filler"; }
  // Leaves about `left` bytes.
  void Fill(int64_t left) {
    const Fd fd(::open(Filler().c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    ASSERT_TRUE(fd.valid());
    const std::string page(4096, 'f');
    while (*FreeBytes(dir_.path()) > left) {
      if (::write(fd.get(), page.data(), page.size()) <= 0) {
        break;
      }
    }
  }
  void Relieve() { fs::remove(Filler()); }

  const TempDir dir_;
  bool mounted_ = false;
  std::unique_ptr<StoreEnv> env_;
};

// Whatever step runs out of room, nothing is half there, and the index works
// on once there is room again.
TEST_F(FullDisk, APublicationFailsCleanlyWhateverIsLeft) {
  env_->MustPublish(1000);
  int failed = 0;
  for (int pages = 0; pages < 40; ++pages) {
    const std::string job = fmt::format("job{}", pages);
    const auto staged = env_->Stage(job, SidecarLike(pages), KeyOf(pages));
    ASSERT_TRUE(staged.ok()) << staged.status();
    Fill(pages * 4096);
    const auto record =
        env_->objects().Publish(job, staged->file, staged->record);
    const auto hit = env_->objects().Lookup(KeyOf(1000));
    EXPECT_TRUE(hit.ok() && hit->has_value()) << hit.status();
    if (!record.ok()) {
      ++failed;
      EXPECT_TRUE(HasReason(record.status(), "NO_SPACE")) << record.status();
      EXPECT_NE(GetErrorDetail(record.status()).remedy, "");
      const absl::Status ended =
          env_->index().FinishJob(job, JobRowState::kFailed, Digest(), "{}", 1);
      EXPECT_TRUE(ended.ok() || HasReason(ended, "NO_SPACE")) << ended;
    }
    env_->objects().RemoveStage(job);
    Relieve();
    EXPECT_EQ(Disagreement(*env_), "") << pages;
    if (!record.ok()) {
      // The key is free, though its job could perhaps not be ended in time.
      const auto again =
          env_->Publish(job + "-again", SidecarLike(pages), KeyOf(pages));
      ASSERT_TRUE(again.ok()) << pages << ": " << again.status();
      EXPECT_EQ((*env_->index().FindJob(job))->state, JobRowState::kFailed);
    }
    const auto made = env_->index().FindByKey(KeyOf(pages));
    ASSERT_TRUE(made.ok() && made->has_value());
    ASSERT_TRUE(env_->objects().Remove(**made).ok());
  }
  EXPECT_GT(failed, 0);
}

TEST_F(FullDisk, TheStoreStartsAndServes) {
  const Digest digest = env_->MustPublish(1).digest;
  ASSERT_TRUE(env_->Stage("lost", SidecarLike(2), KeyOf(2)).ok());
  env_->Stop();
  Fill(0);
  const absl::Status status = env_->Start();
  ASSERT_TRUE(status.ok()) << status;
  const auto hit = env_->objects().Lookup(KeyOf(1));
  ASSERT_TRUE(hit.ok() && hit->has_value()) << hit.status();
  EXPECT_EQ((*hit)->digest, digest);
  Relieve();
  EXPECT_TRUE(env_->Publish("next", SidecarLike(2), KeyOf(2)).ok());
  EXPECT_EQ((*env_->index().FindJob("lost"))->state, JobRowState::kInterrupted);
  EXPECT_EQ(Disagreement(*env_), "");
}

TEST_F(FullDisk, IndexWritesGoOnAfterwards) {
  Fill(0);
  bool refused = false;
  // The log may have room of its own for a while.
  for (int i = 0; i < 2000 && !refused; ++i) {
    JobRecord job;
    job.id = fmt::format("job{}", i);
    job.source = std::string(3000, 's');
    const absl::Status status = env_->index().InsertJob(job);
    refused = !status.ok();
    if (refused) {
      EXPECT_TRUE(HasReason(status, "NO_SPACE")) << status;
    }
  }
  EXPECT_TRUE(refused);
  EXPECT_TRUE(env_->index().ListJobs(true, 0).ok());
  Relieve();
  JobRecord job;
  job.id = "after";
  EXPECT_TRUE(env_->index().InsertJob(job).ok());
  env_->Restart();
  EXPECT_TRUE(env_->index().FindJob("after")->has_value());
}

}  // namespace
}  // namespace bottled
