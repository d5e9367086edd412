// Jobs of two classes in a scheduler: who yields, and who may not ask again.

#include <string>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/errors.h"
#include "jobs/scheduler.h"
#include "jobs/scheduler_fixture.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::WaitForEnd;
using testing::WaitUntil;

class ClassTest : public testing::SchedulerFixture {
 protected:
  testing::TestClock clock_;
};

TEST_F(ClassTest, AWarmJobYieldsAndEndsLater) {
  Start({.max_running = 1}, clock_);
  const auto warm = SubmitAs("w", JobClass::kWarm, Held());
  ASSERT_TRUE(WaitForHeld(1));
  EXPECT_EQ(Row(*warm.job).state, JobRowState::kRunning);
  const auto asked = Submit("i", Held());
  clock_.Advance(seconds(3));
  ASSERT_TRUE(WaitUntil([&] { return held_ == 1 && runs_ == 2; }));
  EXPECT_EQ(asked.job->state(), JobState::kRunning);
  EXPECT_EQ(warm.job->state(), JobState::kQueued);
  EXPECT_EQ(Row(*warm.job).state, JobRowState::kQueued);
  EXPECT_TRUE(Row(*warm.job).content_key.empty());
  EXPECT_THAT(warm.job->events().LogTail(5), Contains(HasSubstr("preempted")));
  // Who asks for it now joins it, though its token was cancelled.
  EXPECT_TRUE(Submit("w", Quick()).joined);
  Release();
  EXPECT_EQ(WaitForEnd(*warm.job).state, JobState::kSucceeded);
  EXPECT_EQ(Row(*warm.job).state, JobRowState::kSucceeded);
  EXPECT_EQ(runs_, 3);
}

TEST_F(ClassTest, AJobThatYieldsCanBeCancelled) {
  Start({.max_running = 1}, clock_);
  std::atomic<bool> let_go = false;
  std::atomic<bool> works = false;
  const auto warm = SubmitAs("w", JobClass::kWarm,
                             [&](Job& job) -> absl::StatusOr<ArtifactRecord> {
                               works = true;
                               while (!let_go) {
                                 std::this_thread::yield();
                               }
                               return job.token().Check();
                             });
  ASSERT_TRUE(WaitUntil([&] { return works.load(); }));
  const auto asked = Submit("i", Quick());
  clock_.Advance(seconds(3));
  ASSERT_TRUE(WaitUntil([&] { return warm.job->token().Cancelled(); }));
  ASSERT_TRUE(scheduler_->Cancel(warm.job->id(), warm.interest_id, false).ok());
  let_go = true;
  EXPECT_EQ(WaitForEnd(*warm.job).state, JobState::kCancelled);
  EXPECT_EQ(WaitForEnd(*asked.job).state, JobState::kSucceeded);
}

TEST_F(ClassTest, AWarmBacklogDoesNotDelayTheEndOfTheDaemon) {
  Start({.max_running = 2}, clock_);
  std::vector<std::shared_ptr<Job>> jobs;
  for (int i = 0; i < 20; ++i) {
    jobs.push_back(
        SubmitAs("w" + std::to_string(i), JobClass::kWarm, Held()).job);
  }
  ASSERT_TRUE(WaitForHeld(1));
  EXPECT_EQ(runs_, 1) << "one slot stays free";
  scheduler_->Stop(milliseconds(0));
  for (const auto& job : jobs) {
    EXPECT_TRUE(IsTerminal(job->state()));
  }
  EXPECT_EQ(runs_, 1);
}

TEST_F(ClassTest, OneClientDoesNotFillTheQueue) {
  Start({.max_running = 1, .max_queued = 5, .max_queued_per_client = 2},
        clock_);
  SubmitAs("running", JobClass::kInteractive, Held(), "a");
  ASSERT_TRUE(WaitForHeld(1));
  SubmitAs("a1", JobClass::kInteractive, Held(), "a");
  SubmitAs("a2", JobClass::kInteractive, Held(), "a");
  const auto refused = scheduler_->Submit({.flight_key = "a3", .client = "a"},
                                          [this] { return Quick(); });
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(HasReason(refused.status(), "TOO_MANY_JOBS_OF_CLIENT"));
  // To join takes no place, and others have theirs.
  EXPECT_TRUE(SubmitAs("a1", JobClass::kInteractive, Held(), "a").joined);
  SubmitAs("b1", JobClass::kInteractive, Held(), "b");
  Release();
}

TEST_F(ClassTest, ASecondFailureIsTheAnswerForFiveSeconds) {
  Start({}, clock_);
  const auto fails = [this](Job&) -> absl::StatusOr<ArtifactRecord> {
    ++runs_;
    return ArchiveNotFound("/x");
  };
  const auto fail = [&] {
    const auto submission = Submit("k", fails);
    EXPECT_FALSE(submission.remembered);
    EXPECT_EQ(WaitForEnd(*submission.job).state, JobState::kFailed);
    EXPECT_TRUE(WaitUntil([this] { return scheduler_->active_count() == 0; }));
    return submission.job;
  };
  fail();
  // So long ago that it does not count.
  clock_.Advance(milliseconds(5'000));
  fail();
  clock_.Advance(milliseconds(4'999));
  const std::shared_ptr<Job> last = fail();
  clock_.Advance(milliseconds(4'999));
  const auto again = Submit("k", fails);
  EXPECT_TRUE(again.remembered);
  EXPECT_EQ(again.job, last);
  EXPECT_FALSE(Submit("other", Quick()).remembered);
  // Who insists is not stopped.
  const auto fresh = scheduler_->Submit({.flight_key = "k", .fresh = true},
                                        [&] { return Scheduler::Work(fails); });
  ASSERT_TRUE(fresh.ok());
  EXPECT_FALSE(fresh->remembered);
  WaitForEnd(*fresh->job);
  ASSERT_TRUE(WaitUntil([this] { return scheduler_->active_count() == 0; }));
  clock_.Advance(milliseconds(5'000));
  const auto later = Submit("k", Quick());
  EXPECT_FALSE(later.remembered);
  EXPECT_EQ(WaitForEnd(*later.job).state, JobState::kSucceeded);
  EXPECT_EQ(runs_, 6);
}

TEST_F(ClassTest, ACancelledJobIsNotAFailureToRemember) {
  Start({}, clock_);
  const auto first = Submit("k", Held());
  ASSERT_TRUE(WaitForHeld(1));
  ASSERT_TRUE(scheduler_->Cancel(first.job->id(), "", false).ok());
  WaitForEnd(*first.job);
  EXPECT_FALSE(Submit("k", Quick()).remembered);
}

}  // namespace
}  // namespace bottled
