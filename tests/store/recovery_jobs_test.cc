// The table of recovery_jobs.h, row by row.
#include "store/recovery_jobs.h"

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using ::testing::HasSubstr;
using testing::KeyOf;
using testing::SidecarLike;

class RecoveryJobs : public ::testing::Test {
 protected:
  RecoveryJobs() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }

  static JobRecord Wanted(const std::string& id, int attempt = 1) {
    JobRecord job;
    job.id = id;
    job.flight = "flight";
    job.attempt = attempt;
    job.spec = "{}";
    job.wish = JobWish::kWatched;
    return job;
  }
  void Insert(const JobRecord& job, bool runs) {
    ASSERT_TRUE(env_.index().InsertJob(job).ok());
    if (runs) {
      ASSERT_TRUE(env_.index().MarkRunning(job.id, 5).ok());
    }
  }
  JobRecord Get(const std::string& id) { return **env_.index().FindJob(id); }
  int Crashes() {
    return *env_.index().CrashesOf("flight", env_.clock().NowMs());
  }

  const TempDir dir_;
  testing::StoreEnv env_;
};

TEST_F(RecoveryJobs, ARunThatWasCutOffWaitsAgain) {
  Insert(Wanted("a"), /*runs=*/true);
  env_.Restart();
  EXPECT_EQ(Get("a").state, JobRowState::kQueued);
  EXPECT_EQ(Get("a").attempt, 2);
  EXPECT_EQ(Get("a").started_ms, 0);
  EXPECT_EQ(env_.report().restarted_jobs, 1);
  EXPECT_EQ(env_.report().interrupted_jobs, 0);
  EXPECT_EQ(Crashes(), 1);
}

TEST_F(RecoveryJobs, OneThatOnlyWaitedKeepsItsNumber) {
  Insert(Wanted("a"), /*runs=*/false);
  env_.Restart();
  env_.Restart();
  env_.Restart();
  EXPECT_EQ(Get("a").state, JobRowState::kQueued);
  EXPECT_EQ(Get("a").attempt, 1);
  EXPECT_EQ(Crashes(), 0);
}

TEST_F(RecoveryJobs, TheSecondUncleanStopIsItsFault) {
  Insert(Wanted("a", 2), /*runs=*/true);
  env_.Restart();
  EXPECT_EQ(Get("a").state, JobRowState::kFailed);
  EXPECT_EQ(Get("a").finished_ms, env_.clock().NowMs());
  EXPECT_THAT(Get("a").failure_json, HasSubstr("\"reason\":\"POISON\""));
  EXPECT_THAT(Get("a").failure_json, HasSubstr("ended 2 times"));
  EXPECT_THAT(Get("a").failure_json, HasSubstr("--force"));
  EXPECT_EQ(env_.report().poisoned_jobs, 1);
  EXPECT_EQ(Crashes(), 2);
}

TEST_F(RecoveryJobs, WhatNobodyCanRepeatIsInterruptedAndCounts) {
  JobRecord upload = Wanted("a");
  upload.spec.clear();
  Insert(upload, /*runs=*/true);
  env_.Restart();
  EXPECT_EQ(Get("a").state, JobRowState::kInterrupted);
  EXPECT_EQ(Get("a").attempt, 1);
  EXPECT_EQ(Crashes(), 1);
}

TEST_F(RecoveryJobs, WarmingAsksAgainByItself) {
  JobRecord warm = Wanted("a");
  warm.wish = JobWish::kWarm;
  Insert(warm, /*runs=*/true);
  env_.Restart();
  EXPECT_EQ(Get("a").state, JobRowState::kInterrupted);
  EXPECT_EQ(Crashes(), 1);
}

TEST_F(RecoveryJobs, APublicationThatIsFinishedIsNoCrash) {
  const auto staged = env_.Stage("a", SidecarLike(1), KeyOf(1));
  ASSERT_TRUE(staged.ok());
  std::filesystem::rename(staged->file,
                          staged->file.parent_path() /
                              env_.objects().Path(staged->record).filename());
  ASSERT_TRUE(env_.index().MarkPublishing("a", staged->record).ok());
  env_.Restart();
  EXPECT_EQ(Get("a").state, JobRowState::kSucceeded);
  EXPECT_EQ(*env_.index().CrashesOf("flight of a", env_.clock().NowMs()), 0);
}

TEST_F(RecoveryJobs, OneThatWasCancelledDoesNotComeBack) {
  Insert(Wanted("a"), /*runs=*/true);
  ASSERT_TRUE(env_.index().ForgetRepeat("a").ok());
  env_.Restart();
  EXPECT_EQ(Get("a").state, JobRowState::kInterrupted);
}

// It may have ended since the copy was made.
TEST_F(RecoveryJobs, OneInACopyOfTheIndexIsInterruptedAndNotCounted) {
  Insert(Wanted("a"), /*runs=*/true);
  ASSERT_TRUE(env_.index().SetRebuildPending().ok());
  env_.Restart();
  EXPECT_EQ(Get("a").state, JobRowState::kInterrupted);
  EXPECT_EQ(Crashes(), 0);
}

TEST_F(RecoveryJobs, OfTwoOfOneFlightTheGreaterNumberCounts) {
  Insert(Wanted("a", 2), /*runs=*/true);
  Insert(Wanted("b", 1), /*runs=*/true);
  env_.Restart();
  EXPECT_EQ(Crashes(), 2);
}

// Killed between the note and the row: the same run is counted once.
TEST_F(RecoveryJobs, ARunIsCountedOnce) {
  Insert(Wanted("a"), /*runs=*/true);
  ASSERT_TRUE(env_.index().NoteCrashes("flight", 1, env_.clock().NowMs()).ok());
  env_.Restart();
  EXPECT_EQ(Crashes(), 1);
  EXPECT_EQ(Get("a").attempt, 2);
}

}  // namespace
}  // namespace bottled
