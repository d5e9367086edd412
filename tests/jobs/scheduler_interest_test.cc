// Who may stop whose job (reliability rules of shared cancellation).

#include <random>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/sanitized.h"
#include "base/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/scheduler.h"
#include "jobs/scheduler_fixture.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::WaitForEnd;
using testing::WaitUntil;

class InterestTest : public testing::SchedulerFixture {
 protected:
  // A job at work, more than 80 % done or not.
  Scheduler::Submission Running(const std::string& key, bool nearly_done,
                                bool tied = true) {
    const auto submission = Submit(
        key,
        [nearly_done,
         held = Held()](Job& job) mutable -> absl::StatusOr<ArtifactRecord> {
          job.events().StartStage(nearly_done ? Stage::kPublish : Stage::kRead);
          return held(job);
        },
        tied);
    EXPECT_TRUE(WaitForHeld(1));
    return submission;
  }
  void Vanish(const Scheduler::Submission& submission) {
    scheduler_->AttachWatch(submission.job->id(), submission.interest_id);
    scheduler_->DetachWatch(submission.job->id(), submission.interest_id);
  }

  testing::TestClock clock_;
};

// Notices its token while it turns a few times.
absl::StatusOr<ArtifactRecord> Spin(Job& job) {
  for (int spin = 0; spin < 3; ++spin) {
    std::this_thread::yield();
    if (job.token().Cancelled()) {
      return job.token().Check();
    }
  }
  ArtifactRecord record;
  record.digest = Sha256Of(job.flight_key());
  return record;
}

TEST_F(InterestTest, OneOfSeveralLeavesTheOthersAlone) {
  Start();
  const auto first = Submit("k", Held());
  const auto second = Submit("k", Held());
  EXPECT_TRUE(second.joined);
  EXPECT_NE(first.interest_id, second.interest_id);
  ASSERT_TRUE(WaitForHeld(1));
  const auto left =
      scheduler_->Cancel(first.job->id(), first.interest_id, false);
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_EQ((*left)->state(), JobState::kRunning);
  Release();
  EXPECT_EQ(WaitForEnd(*second.job).state, JobState::kSucceeded);
}

TEST_F(InterestTest, TheLastOneLeavingStopsTheWork) {
  Start();
  const auto first = Submit("k", Held());
  const auto second = Submit("k", Held());
  ASSERT_TRUE(WaitForHeld(1));
  for (const auto& submission : {first, second}) {
    ASSERT_TRUE(
        scheduler_->Cancel(submission.job->id(), submission.interest_id, false)
            .ok());
  }
  const JobSnapshot end = WaitForEnd(*first.job);
  EXPECT_EQ(end.state, JobState::kCancelled);
  EXPECT_TRUE(HasReason(end.status, "CANCELLED"));
  EXPECT_EQ(Row(*first.job).state, JobRowState::kCancelled);
}

TEST_F(InterestTest, AQueuedJobIsDroppedAtOnce) {
  Start({.max_running = 1});
  Submit("running", Held());
  ASSERT_TRUE(WaitForHeld(1));
  const auto queued = Submit("queued", Quick());
  ASSERT_TRUE(
      scheduler_->Cancel(queued.job->id(), queued.interest_id, false).ok());
  // Without waiting: the worker is still busy.
  EXPECT_EQ(queued.job->state(), JobState::kCancelled);
  EXPECT_EQ(Row(*queued.job).state, JobRowState::kCancelled);
  Release();
  EXPECT_TRUE(WaitUntil([this] { return scheduler_->active_count() == 0; }));
  EXPECT_EQ(runs_, 1);
}

TEST_F(InterestTest, ACallWithoutInterestMayNotStopASharedJob) {
  Start();
  const auto first = Submit("k", Held());
  const auto second = Submit("k", Held());
  ASSERT_TRUE(WaitForHeld(1));
  const auto refused = scheduler_->Cancel(first.job->id(), "", false);
  EXPECT_TRUE(HasReason(refused.status(), "JOB_SHARED"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("2 callers"));
  EXPECT_THAT(GetErrorDetail(refused.status()).remedy, HasSubstr("--force"));
  EXPECT_EQ(first.job->state(), JobState::kRunning);

  ASSERT_TRUE(scheduler_->Cancel(first.job->id(), "", true).ok());
  const JobSnapshot end = WaitForEnd(*second.job);
  EXPECT_EQ(end.state, JobState::kCancelled);
  EXPECT_TRUE(HasReason(end.status, "CANCELLED"));
}

TEST_F(InterestTest, ACallWithoutInterestStopsAJobOfOneCaller) {
  Start();
  const auto submission = Submit("k", Held());
  ASSERT_TRUE(scheduler_->Cancel(submission.job->id(), "", false).ok());
  EXPECT_EQ(WaitForEnd(*submission.job).state, JobState::kCancelled);
}

TEST_F(InterestTest, UnknownJobsAndInterestsAreTypedErrors) {
  Start();
  EXPECT_TRUE(HasReason(scheduler_->Cancel("nope", "", false).status(),
                        "JOB_NOT_FOUND"));
  const auto submission = Submit("k", Held());
  EXPECT_TRUE(HasReason(
      scheduler_->Cancel(submission.job->id(), "nope", false).status(),
      "INTEREST_NOT_FOUND"));
  EXPECT_NE(submission.job->state(), JobState::kCancelling);
  Release();
  WaitForEnd(*submission.job);
  const auto ended = scheduler_->Cancel(submission.job->id(), "nope", true);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ((*ended)->state(), JobState::kSucceeded);
}

// The dying run is never joined; the fresh one starts when it is gone, with its
// row ended, and of one key only one runs at a time.
TEST_F(InterestTest, JoiningWhileCancellingGetsAFreshRun) {
  Start({.max_running = 2});
  std::atomic<bool> let_go = false;
  std::atomic<bool> first_runs = false;
  const auto first =
      Submit("k", [&](Job& job) -> absl::StatusOr<ArtifactRecord> {
        first_runs = true;
        while (!let_go) {
          std::this_thread::yield();
        }
        return job.token().Check();
      });
  ASSERT_TRUE(WaitUntil([&] { return first_runs.load(); }));
  ASSERT_TRUE(
      scheduler_->Cancel(first.job->id(), first.interest_id, false).ok());
  EXPECT_EQ(first.job->state(), JobState::kCancelling);

  JobRowState first_row = JobRowState::kRunning;
  const auto second = Submit("k", [&](Job&) -> absl::StatusOr<ArtifactRecord> {
    first_row = Row(*first.job).state;
    return Artifact("fresh");
  });
  EXPECT_FALSE(second.joined);
  EXPECT_NE(second.job, first.job);
  // A third caller joins the fresh one, which waits.
  EXPECT_EQ(Submit("k", Quick()).job, second.job);
  // A job of another key overtakes it meanwhile.
  WaitForEnd(*Submit("other", Quick()).job);
  EXPECT_EQ(second.job->state(), JobState::kQueued);

  let_go = true;
  EXPECT_EQ(WaitForEnd(*first.job).state, JobState::kCancelled);
  EXPECT_EQ(WaitForEnd(*second.job).state, JobState::kSucceeded);
  EXPECT_EQ(first_row, JobRowState::kCancelled);
  EXPECT_EQ(Row(*second.job).content_key, Sha256Of("k"));
}

TEST_F(InterestTest, ATiedInterestExpiresWithoutAWatch) {
  Start({.attach_timeout = std::chrono::milliseconds(20)});
  const auto tied = Submit("k", Held(), /*tied=*/true);
  EXPECT_EQ(WaitForEnd(*tied.job).state, JobState::kCancelled);
}

TEST_F(InterestTest, AnUntiedInterestDoesNotExpire) {
  Start({.attach_timeout = std::chrono::milliseconds(1)});
  const auto free = Submit("k", Held(), /*tied=*/false);
  const auto tied = Submit("k", Held(), /*tied=*/true);
  ASSERT_TRUE(
      WaitUntil([&] { return !tied.job->HasInterest(tied.interest_id); }));
  EXPECT_TRUE(free.job->HasInterest(free.interest_id));
  // Watches that come and go change nothing for it.
  scheduler_->AttachWatch(free.job->id(), free.interest_id);
  scheduler_->DetachWatch(free.job->id(), free.interest_id);
  EXPECT_TRUE(free.job->HasInterest(free.interest_id));
  Release();
  EXPECT_EQ(WaitForEnd(*free.job).state, JobState::kSucceeded);
}

TEST_F(InterestTest, ATiedInterestEndsWithItsLastWatch) {
  Start();
  const auto other = Submit("k", Held());
  const auto tied = Submit("k", Held(), /*tied=*/true);
  const std::string& id = tied.job->id();
  scheduler_->AttachWatch(id, tied.interest_id);
  scheduler_->AttachWatch(id, tied.interest_id);
  scheduler_->AttachWatch("another job", tied.interest_id);
  scheduler_->DetachWatch("another job", tied.interest_id);
  scheduler_->DetachWatch(id, tied.interest_id);
  EXPECT_TRUE(tied.job->HasInterest(tied.interest_id));
  scheduler_->DetachWatch(id, tied.interest_id);
  EXPECT_FALSE(tied.job->HasInterest(tied.interest_id));
  EXPECT_NE(tied.job->state(), JobState::kCancelling);
  scheduler_->DetachWatch(id, tied.interest_id);
  ASSERT_TRUE(scheduler_->Cancel(id, other.interest_id, false).ok());
  EXPECT_EQ(WaitForEnd(*tied.job).state, JobState::kCancelled);
}

TEST_F(InterestTest, AnInterestInAnotherJobIsNotTouched) {
  Start({.leave_grace = std::chrono::milliseconds(0)});
  const auto tied = Submit("k", Held(), /*tied=*/true);
  const auto other = Submit("other", Held());
  EXPECT_TRUE(HasReason(
      scheduler_->Cancel(other.job->id(), tied.interest_id, false).status(),
      "INTEREST_NOT_FOUND"));
  // Still tied: it ends with its watch.
  scheduler_->AttachWatch(tied.job->id(), tied.interest_id);
  scheduler_->DetachWatch(tied.job->id(), tied.interest_id);
  EXPECT_TRUE(
      WaitUntil([&] { return !tied.job->HasInterest(tied.interest_id); }));
  Release();
}

TEST_F(InterestTest, AWatchThatCameInTimeKeepsTheInterest) {
  Start({.attach_timeout = std::chrono::milliseconds(300),
         .leave_grace = std::chrono::milliseconds(0)});
  const auto tied = Submit("k", Held(), /*tied=*/true);
  scheduler_->AttachWatch(tied.job->id(), tied.interest_id);
  // A second one with the same deadline shows that the deadline has passed.
  const auto unwatched = Submit("k", Held(), /*tied=*/true);
  ASSERT_TRUE(
      WaitUntil([&] { return !tied.job->HasInterest(unwatched.interest_id); }));
  EXPECT_TRUE(tied.job->HasInterest(tied.interest_id));
  scheduler_->DetachWatch(tied.job->id(), tied.interest_id);
  EXPECT_EQ(WaitForEnd(*tied.job).state, JobState::kCancelled);
}

TEST_F(InterestTest, WhoOnlyVanishedHasTimeToComeBack) {
  Start({}, clock_);
  const auto tied = Running("k", /*nearly_done=*/false);
  Vanish(tied);
  clock_.Advance(std::chrono::milliseconds(14'999));
  scheduler_->AttachWatch(tied.job->id(), tied.interest_id);
  clock_.Advance(std::chrono::minutes(1));
  EXPECT_TRUE(tied.job->HasInterest(tied.interest_id));
  EXPECT_EQ(tied.job->state(), JobState::kRunning);
  scheduler_->DetachWatch(tied.job->id(), tied.interest_id);
  EXPECT_EQ(tied.job->state(), JobState::kRunning);
  clock_.Advance(std::chrono::milliseconds(15'000));
  EXPECT_EQ(WaitForEnd(*tied.job).state, JobState::kCancelled);
}

TEST_F(InterestTest, WhatIsNearlyDoneIsFinishedForNobody) {
  Start({}, clock_);
  const auto tied = Running("k", /*nearly_done=*/true);
  Vanish(tied);
  // A second one shows that the grace is over for both.
  const auto queued = Submit("other", Held(), /*tied=*/true);
  Vanish(queued);
  clock_.Advance(std::chrono::milliseconds(15'000));
  EXPECT_EQ(WaitForEnd(*queued.job).state, JobState::kCancelled);
  EXPECT_EQ(tied.job->state(), JobState::kRunning);
  Release();
  EXPECT_EQ(WaitForEnd(*tied.job).state, JobState::kSucceeded);
}

// Ctrl-C is a word, and not a lost connection.
TEST_F(InterestTest, AWithdrawalStopsEvenWhatIsNearlyDone) {
  Start({}, clock_);
  const auto tied = Running("k", /*nearly_done=*/true);
  ASSERT_TRUE(scheduler_->Cancel(tied.job->id(), tied.interest_id, false).ok());
  EXPECT_EQ(WaitForEnd(*tied.job).state, JobState::kCancelled);
}

TEST_F(InterestTest, AWarmerKeepsWhatItsLastCallerLeaves) {
  Start({}, clock_);
  const auto warm = SubmitAs("k", JobClass::kWarm, Held());
  ASSERT_TRUE(WaitForHeld(1));
  const auto tied = Submit("k", Quick(), /*tied=*/true);
  EXPECT_TRUE(tied.joined);
  EXPECT_EQ(warm.job->job_class(), JobClass::kInteractive);
  Vanish(tied);
  EXPECT_EQ(warm.job->job_class(), JobClass::kWarm);
  EXPECT_EQ(warm.job->state(), JobState::kRunning);
  EXPECT_THAT(warm.job->events().LogTail(2),
              ElementsAre(HasSubstr("promoted"), HasSubstr("lowered")));
  Release();
  EXPECT_EQ(WaitForEnd(*warm.job).state, JobState::kSucceeded);
}

// Random joins and leaves: every job ends exactly once, nobody who stayed is
// left without a result, and the books are empty in the end.
TEST_F(InterestTest, RandomInterleavingsLoseNobody) {
  Start({.max_running = 3, .leave_grace = std::chrono::milliseconds(1)});
  const unsigned seed = TestSeed();
  printf("seed %u\n", seed);
  std::atomic<int> results = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int i = 0; i < Turns(1250); ++i) {
        const std::string key = std::to_string(random() % 4);
        const bool warm = random() % 3 == 0;
        const unsigned how = random() % 4;
        auto request = Scheduler::Request{
            .flight_key = key,
            .key = Sha256Of(key),
            .source = "source of " + key,
            .tied = how == 0,
            .job_class = warm ? JobClass::kWarm : JobClass::kInteractive,
            .client = std::to_string(t)};
        const auto submitted = scheduler_->Submit(request, [] { return Spin; });
        ASSERT_TRUE(submitted.ok()) << submitted.status();
        const Scheduler::Submission& submission = *submitted;
        const std::string& id = submission.job->id();
        if (how == 0) {
          // Gone without a word.
          scheduler_->AttachWatch(id, submission.interest_id);
          scheduler_->DetachWatch(id, submission.interest_id);
          continue;
        }
        if (how == 1) {
          (void)scheduler_->Cancel(id, submission.interest_id, false);
          continue;
        }
        if (how == 2) {
          // As the scheduler would, but at any moment.
          submission.job->AskToYield();
        }
        const JobSnapshot end = WaitForEnd(*submission.job);
        EXPECT_EQ(end.state, JobState::kSucceeded);
        EXPECT_EQ(end.artifact.digest, Sha256Of(key));
        ++results;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_GT(results, 0);
  EXPECT_TRUE(WaitUntil([this] { return scheduler_->active_count() == 0; }));
  for (const auto& job : scheduler_->List()) {
    EXPECT_TRUE(IsTerminal(job->state()));
    int finished = 0;
    for (const JobEvent& event : job->events().Read(0, 1000).events) {
      finished += std::holds_alternative<Finished>(event.what) ? 1 : 0;
    }
    EXPECT_EQ(finished, 1);
  }
  const auto open = index_->OpenJobs();
  ASSERT_TRUE(open.ok());
  EXPECT_TRUE(open->empty());
}

}  // namespace
}  // namespace bottled
