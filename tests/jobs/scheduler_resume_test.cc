// Jobs over a restart of the daemon: who goes on, as what, and what is given
// up.

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/history.h"
#include "jobs/scheduler.h"
#include "jobs/scheduler_fixture.h"
#include "store/errors.h"

namespace bottled {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::WaitForEnd;
using testing::WaitUntil;

class ResumeTest : public testing::SchedulerFixture {
 protected:
  // A row that waits again, and its job in a new scheduler.
  std::shared_ptr<Job> Resume(JobWish wish, Scheduler::Work work,
                              int attempt = 2) {
    JobRecord row;
    row.id = "job";
    row.source = "demo:1";
    row.flight = "flight";
    row.attempt = attempt;
    row.spec = "{}";
    row.wish = wish;
    row.created_ms = 77;
    row.boot_id = "old boot";
    EXPECT_TRUE(index_->InsertJob(row).ok());
    Start({.max_running = 2}, clock_);
    scheduler_->Resume(row, std::move(work));
    return scheduler_->Find("job");
  }

  testing::TestClock clock_;
};

TEST_F(ResumeTest, ItGoesOnUnderItsIdAndSaysSo) {
  const std::shared_ptr<Job> job = Resume(JobWish::kDetached, Quick());
  ASSERT_NE(job, nullptr);
  const JobSnapshot end = WaitForEnd(*job);
  EXPECT_EQ(end.state, JobState::kSucceeded);
  EXPECT_EQ(end.id, "job");
  EXPECT_EQ(end.attempt, 2);
  EXPECT_EQ(end.created_ms, 77);
  EXPECT_EQ(end.job_class, JobClass::kInteractive);
  ASSERT_FALSE(job->events().LogTail(1).empty());
  EXPECT_EQ(job->events().LogTail(1)[0], "the daemon restarted; attempt 2");
  const JobRecord row = Row(*job);
  EXPECT_EQ(row.state, JobRowState::kSucceeded);
  EXPECT_EQ(row.boot_id, "boot");
}

// Else a watch that is resumed would miss the first events of the new log.
TEST_F(ResumeTest, ItsEventsComeAfterThoseOfBefore) {
  const std::shared_ptr<Job> job = Resume(JobWish::kDetached, Quick());
  WaitForEnd(*job);
  EXPECT_EQ(job->events().Read(100'000, 10).events.size(),
            job->events().Read(0, 10).events.size());
  EXPECT_EQ(job->events().Read(100'000, 10).gap_last, 0);
}

TEST_F(ResumeTest, OthersJoinIt) {
  const std::shared_ptr<Job> job = Resume(JobWish::kDetached, Held());
  EXPECT_TRUE(Submit("flight", Quick()).joined);
  Release();
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kSucceeded);
}

TEST_F(ResumeTest, ADetachedOneNeedsNobody) {
  const std::shared_ptr<Job> job = Resume(JobWish::kDetached, Held());
  ASSERT_TRUE(WaitForHeld(1));
  clock_.Advance(seconds(600));
  scheduler_->AttachWatch("job", "");
  EXPECT_EQ(job->interest_count(), 1) << "whoever only looks is no caller";
  EXPECT_EQ(job->state(), JobState::kRunning);
  Release();
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kSucceeded);
}

TEST_F(ResumeTest, AWatchedOneWaitsAMinuteForItsWatcher) {
  const std::shared_ptr<Job> job = Resume(JobWish::kWatched, Held());
  ASSERT_TRUE(WaitForHeld(1));
  EXPECT_EQ(job->job_class(), JobClass::kWarm);
  clock_.Advance(seconds(59));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(job->state(), JobState::kRunning);
  clock_.Advance(seconds(2));
  const JobSnapshot end = WaitForEnd(*job);
  EXPECT_EQ(end.state, JobState::kInterrupted);
  EXPECT_TRUE(HasReason(end.status, "INTERRUPTED"));
  EXPECT_THAT(std::string(end.status.message()), HasSubstr("nobody came back"));
  EXPECT_EQ(Row(*job).state, JobRowState::kInterrupted);
}

TEST_F(ResumeTest, WhoComesBackMakesItInteractive) {
  const std::shared_ptr<Job> job = Resume(JobWish::kWatched, Held());
  ASSERT_TRUE(WaitForHeld(1));
  // One who never asked only looks on.
  scheduler_->AttachWatch("job", "");
  EXPECT_EQ(job->job_class(), JobClass::kWarm);
  scheduler_->AttachWatch("job", "of before");
  EXPECT_EQ(job->job_class(), JobClass::kInteractive);
  EXPECT_EQ(job->interest_count(), 1);
  clock_.Advance(seconds(600));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(job->state(), JobState::kRunning);
  scheduler_->AttachWatch("job", "of before, too");
  EXPECT_EQ(job->interest_count(), 2);
  Release();
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kSucceeded);
}

TEST_F(ResumeTest, WhoComesBackMayLeave) {
  const std::shared_ptr<Job> job = Resume(JobWish::kWatched, Held());
  ASSERT_TRUE(WaitForHeld(1));
  scheduler_->AttachWatch("job", "of before");
  ASSERT_TRUE(scheduler_->Cancel("job", "of before", false).ok());
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kCancelled);
}

TEST_F(ResumeTest, WhoComesBackAndVanishesHasTheUsualGrace) {
  const std::shared_ptr<Job> job = Resume(JobWish::kWatched, Held());
  ASSERT_TRUE(WaitForHeld(1));
  scheduler_->AttachWatch("job", "of before");
  scheduler_->DetachWatch("job", "of before");
  clock_.Advance(seconds(16));
  EXPECT_EQ(WaitForEnd(*job).state, JobState::kCancelled);
}

TEST_F(ResumeTest, AnUnknownInterestOfAnyOtherJobIsNone) {
  Start();
  const auto submission = Submit("k", Held());
  scheduler_->AttachWatch(submission.job->id(), "x");
  EXPECT_EQ(submission.job->interest_count(), 1);
  Release();
}

// --- what the daemon died of ------------------------------------------------

TEST_F(ResumeTest, AskedAnewItsRunsAreCounted) {
  Start({}, clock_);
  ASSERT_TRUE(index_->NoteCrashes("k", 1, clock_.NowMs()).ok());
  const auto submission = Submit("k", Quick());
  EXPECT_EQ(submission.job->attempt(), 2);
  WaitForEnd(*submission.job);
  EXPECT_EQ(Row(*submission.job).attempt, 2);
  // A success clears it.
  EXPECT_EQ(*index_->CrashesOf("k", clock_.NowMs()), 0);
}

TEST_F(ResumeTest, AFailureClearsItToo) {
  Start({}, clock_);
  ASSERT_TRUE(index_->NoteCrashes("k", 1, clock_.NowMs()).ok());
  const auto submission =
      Submit("k", [](Job&) -> absl::StatusOr<ArtifactRecord> {
        return absl::InternalError("broken");
      });
  WaitForEnd(*submission.job);
  EXPECT_EQ(*index_->CrashesOf("k", clock_.NowMs()), 0);
}

TEST_F(ResumeTest, ACancelledJobProvesNothing) {
  Start({}, clock_);
  ASSERT_TRUE(index_->NoteCrashes("k", 1, clock_.NowMs()).ok());
  const auto submission = Submit("k", Held());
  ASSERT_TRUE(WaitForHeld(1));
  ASSERT_TRUE(scheduler_->Cancel(submission.job->id(), "", true).ok());
  WaitForEnd(*submission.job);
  EXPECT_EQ(*index_->CrashesOf("k", clock_.NowMs()), 1);
}

TEST_F(ResumeTest, WhatKilledItTwiceIsNotRunAgainByItself) {
  Start({}, clock_);
  ASSERT_TRUE(index_->NoteCrashes("k", 2, clock_.NowMs()).ok());
  const auto refused = TrySubmit("k", Quick());
  EXPECT_TRUE(HasReason(refused.status(), "POISON")) << refused.status();
  EXPECT_THAT(GetErrorDetail(refused.status()).remedy, HasSubstr("--force"));
  EXPECT_EQ(runs_, 0);

  const auto forced = scheduler_->Submit({.flight_key = "k", .fresh = true},
                                         [this] { return Held(); });
  ASSERT_TRUE(forced.ok()) << forced.status();
  EXPECT_EQ(forced->job->attempt(), 3);
  // Who joins it starts nothing.
  EXPECT_TRUE(Submit("k", Quick()).joined);
  Release();
  EXPECT_EQ(WaitForEnd(*forced->job).state, JobState::kSucceeded);
  EXPECT_EQ(Submit("k", Quick()).job->attempt(), 1);
}

TEST_F(ResumeTest, TwoDaysLaterItIsForgotten) {
  Start({}, clock_);
  ASSERT_TRUE(index_->NoteCrashes("k", 2, clock_.NowMs()).ok());
  clock_.Advance(std::chrono::hours(48));
  EXPECT_EQ(Submit("k", Quick()).job->attempt(), 1);
}

// --- what the row says of those who want it ----------------------------------

TEST_F(ResumeTest, TheRowKnowsWhoHasAsked) {
  Start();
  const auto warm = SubmitAs("k", JobClass::kWarm, Held());
  EXPECT_EQ(Row(*warm.job).wish, JobWish::kWarm);
  EXPECT_EQ(Row(*warm.job).flight, "k");
  const auto watched = Submit("k", Quick(), /*tied=*/true);
  EXPECT_TRUE(watched.joined);
  EXPECT_EQ(Row(*warm.job).wish, JobWish::kWatched);
  Submit("k", Quick());
  EXPECT_EQ(Row(*warm.job).wish, JobWish::kDetached);
  Submit("k", Quick(), /*tied=*/true);
  EXPECT_EQ(Row(*warm.job).wish, JobWish::kDetached);
  Release();
}

}  // namespace
}  // namespace bottled
