#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/stat_times.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/object_record.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::Disagreement;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::Names;
using testing::Overwrite;
using testing::ReadAll;
using testing::SidecarLike;
using ::testing::SizeIs;
using testing::StoreEnv;
using testing::Tree;
using testing::WriteAllTo;

class PublishTest : public ::testing::Test {
 protected:
  PublishTest() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }
  StoreEnv::Staged Staged(const std::string& job_id = "job") {
    auto staged = env_.Stage(job_id, SidecarLike(1), KeyOf(1));
    EXPECT_TRUE(staged.ok()) << staged.status();
    return *staged;
  }
  absl::StatusOr<ArtifactRecord> Publish(const StoreEnv::Staged& staged) {
    return env_.objects().Publish(staged.job_id, staged.file, staged.record);
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(PublishTest, FillsTheRecordAndEndsTheJob) {
  const StoreEnv::Staged staged = Staged();
  const auto record = Publish(staged);
  ASSERT_TRUE(record.ok()) << record.status();
  struct stat info = {};
  ASSERT_EQ(::stat(env_.objects().Path(*record).c_str(), &info), 0);
  EXPECT_EQ(record->device, uint64_t{info.st_dev});
  EXPECT_EQ(record->inode, uint64_t{info.st_ino});
  EXPECT_EQ(record->mtime_ns, ModifiedNs(info));
  EXPECT_EQ(info.st_mode & 07777, mode_t{0400});
  EXPECT_EQ(info.st_nlink, nlink_t{1});
  EXPECT_EQ(record->created_ms, env_.clock().NowMs());
  const auto job = env_.index().FindJob("job");
  EXPECT_EQ((*job)->state, JobRowState::kSucceeded);
  EXPECT_EQ((*job)->artifact, record->digest);
  ASSERT_EQ(
      ::stat(env_.places().object_record(record->digest.hex()).c_str(), &info),
      0);
  EXPECT_EQ(info.st_mode & 07777, mode_t{0400});
  env_.objects().RemoveStage("job");
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(PublishTest, TakesTheStepsInOrder) {
  std::vector<std::string> steps;
  const StoreEnv::Staged staged = Staged();
  const std::string& hex = staged.record.digest.hex();
  env_.objects().set_step_hook([&](std::string_view step) {
    steps.emplace_back(step);
    const JobRowState state = (*env_.index().FindJob("job"))->state;
    const bool in_place = fs::exists(env_.places().object(hex));
    const bool known =
        env_.index().FindByDigest(staged.record.digest)->has_value();
    EXPECT_EQ(state, step == "synced"      ? JobRowState::kRunning
                     : step == "committed" ? JobRowState::kSucceeded
                                           : JobRowState::kPublishing);
    EXPECT_EQ(in_place, step != "synced" && step != "publishing");
    EXPECT_EQ(known, step == "committed");
  });
  ASSERT_TRUE(Publish(staged).ok());
  EXPECT_THAT(steps, ElementsAre("synced", "publishing", "renamed",
                                 "dirs_synced", "committed"));
}

TEST_F(PublishTest, RefusesWhatIsNotAFinishedFile) {
  const auto expect_bad = [&](const StoreEnv::Staged& staged,
                              const char* what) {
    const auto record = Publish(staged);
    EXPECT_TRUE(HasReason(record.status(), kBadStagedFile))
        << what << ": " << record.status();
    EXPECT_THAT(Tree(env_.places().objects()), IsEmpty()) << what;
    EXPECT_EQ((*env_.index().FindJob(staged.job_id))->state,
              JobRowState::kRunning);
    ASSERT_TRUE(
        env_.index()
            .FinishJob(staged.job_id, JobRowState::kFailed, Digest(), "{}", 1)
            .ok());
    env_.objects().RemoveStage(staged.job_id);
  };
  StoreEnv::Staged staged = Staged("link");
  fs::rename(staged.file, dir_.path() / "elsewhere");
  fs::create_symlink(dir_.path() / "elsewhere", staged.file);
  expect_bad(staged, "symlink");

  staged = Staged("hard");
  fs::create_hard_link(staged.file, dir_.path() / "second-name");
  expect_bad(staged, "hard link");

  staged = Staged("fifo");
  fs::remove(staged.file);
  ASSERT_EQ(::mkfifo(staged.file.c_str(), 0600), 0);
  expect_bad(staged, "fifo");

  staged = Staged("gone");
  fs::remove(staged.file);
  expect_bad(staged, "gone");

  staged = Staged("short");
  fs::resize_file(staged.file, 4000);
  expect_bad(staged, "short");

  staged = Staged("footer");
  WriteAllTo(staged.file, std::string(5000, 'x'));
  expect_bad(staged, "no footer");

  staged = Staged("outside");
  fs::rename(staged.file, dir_.path() / "out");
  staged.file = dir_.path() / "out";
  expect_bad(staged, "outside of the stage");
}

TEST_F(PublishTest, ACancelledJobPublishesNothing) {
  const StoreEnv::Staged staged = Staged();
  ASSERT_TRUE(env_.index()
                  .FinishJob("job", JobRowState::kCancelled, Digest(), "{}", 1)
                  .ok());
  EXPECT_TRUE(HasReason(Publish(staged).status(), kJobNotOpen));
  EXPECT_THAT(Tree(env_.places().objects()), IsEmpty());
}

TEST_F(PublishTest, TheSameBytesAgainKeepTheFile) {
  const ArtifactRecord first = env_.MustPublish(1);
  env_.clock().Advance(1000);
  const auto second = env_.Publish("again", SidecarLike(1), KeyOf(2));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->inode, first.inode);
  EXPECT_EQ(second->digest, first.digest);
  // Both keys lead to it.
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(2))->has_value());
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(PublishTest, ABadFileInThePlaceIsReplaced) {
  const ArtifactRecord first = env_.MustPublish(1);
  const fs::path path = env_.objects().Path(first);
  const auto time = fs::last_write_time(path);
  std::string bytes = SidecarLike(1);
  bytes[7] = static_cast<char>(bytes[7] ^ 4);
  Overwrite(path, bytes);
  fs::last_write_time(path, time);
  // No quick check can see that.
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
  const ArtifactRecord second = env_.MustPublish(1);
  EXPECT_NE(second.inode, first.inode);
  EXPECT_THAT(Names(env_.places().quarantine()), SizeIs(2));
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(PublishTest, ALinkInThePlaceIsReplaced) {
  const StoreEnv::Staged staged = Staged();
  const fs::path path = env_.places().object(staged.record.digest.hex());
  const fs::path target = dir_.path() / "target";
  WriteAllTo(target, SidecarLike(1));
  fs::create_directory(path.parent_path());
  ASSERT_EQ(::chmod(path.parent_path().c_str(), 0700), 0);
  fs::create_symlink(target, path);
  ASSERT_TRUE(Publish(staged).ok());
  env_.objects().RemoveStage("job");
  EXPECT_FALSE(fs::is_symlink(path));
  EXPECT_EQ(ReadAll(target), SidecarLike(1));
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(PublishTest, ARecordThatWasLeftBehindIsReplaced) {
  const StoreEnv::Staged staged = Staged();
  const fs::path record =
      env_.places().object_record(staged.record.digest.hex());
  fs::create_directory(record.parent_path());
  ASSERT_EQ(::chmod(record.parent_path().c_str(), 0700), 0);
  WriteAllTo(record, "old");
  ASSERT_TRUE(Publish(staged).ok());
  env_.objects().RemoveStage("job");
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(PublishTest, ARecordThatIsNoneIsReplaced) {
  const ArtifactRecord first = env_.MustPublish(1);
  Overwrite(env_.places().object_record(first.digest.hex()), "{\"half");
  env_.MustPublish(1);
  EXPECT_EQ(Disagreement(env_), "");
}

TEST_F(PublishTest, ARecordThatWasLostIsWrittenAgain) {
  const ArtifactRecord first = env_.MustPublish(1);
  fs::remove(env_.places().object_record(first.digest.hex()));
  env_.MustPublish(1);
  EXPECT_EQ(Disagreement(env_), "");
}

}  // namespace
}  // namespace bottled
