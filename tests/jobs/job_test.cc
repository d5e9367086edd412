#include "jobs/job.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/errors.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

class JobTest : public ::testing::Test {
 protected:
  testing::TestClock clock_;
  Job job_{"id", "demo:1", "key", clock_};
};

TEST_F(JobTest, LivesWhileSomebodyIsInterested) {
  EXPECT_TRUE(job_.AddInterest("a"));
  EXPECT_TRUE(job_.AddInterest("b"));
  EXPECT_TRUE(job_.MarkRunning(5));
  const CancelToken token = job_.token();
  EXPECT_TRUE(job_.RemoveInterest("a"));
  EXPECT_FALSE(job_.RemoveInterest("a"));
  EXPECT_FALSE(job_.HasInterest("a"));
  EXPECT_FALSE(token.Cancelled());
  EXPECT_EQ(job_.state(), JobState::kRunning);
  EXPECT_TRUE(job_.RemoveInterest("b"));
  EXPECT_TRUE(token.Cancelled());
  EXPECT_EQ(job_.state(), JobState::kCancelling);
  EXPECT_FALSE(job_.AddInterest("c")) << "a dying run is never joined";
  EXPECT_TRUE(HasReason(job_.cancel_reason(), "CANCELLED"));
}

TEST_F(JobTest, ATokenThatIsAskedForLateIsCancelledToo) {
  job_.ForceCancel(CancelledError());
  EXPECT_TRUE(job_.token().Cancelled());
  EXPECT_FALSE(job_.MarkRunning(1));
}

TEST_F(JobTest, TheFirstReasonOfACancellationStays) {
  job_.AddInterest("a");
  job_.ForceCancel(JobCancelledByForce());
  job_.ForceCancel(JobCutShort());
  EXPECT_TRUE(HasReason(job_.cancel_reason(), "CANCELLED"));
  EXPECT_EQ(job_.interest_count(), 0);
}

TEST_F(JobTest, IsNotCancelledWhileShared) {
  job_.AddInterest("a");
  job_.AddInterest("b");
  EXPECT_EQ(job_.CancelUnlessShared(CancelledError()), 2);
  EXPECT_EQ(job_.state(), JobState::kQueued);
  job_.RemoveInterest("b");
  EXPECT_EQ(job_.CancelUnlessShared(CancelledError()), 0);
  EXPECT_EQ(job_.state(), JobState::kCancelling);
}

TEST_F(JobTest, TerminalStatesNeverChange) {
  job_.AddInterest("a");
  job_.MarkRunning(5);
  ArtifactRecord artifact;
  artifact.size_bytes = 42;
  job_.Finish({.status = absl::OkStatus(), .artifact = artifact}, 9);
  job_.Finish({.status = CancelledError(), .artifact = {}}, 10);
  job_.ForceCancel(CancelledError());
  EXPECT_FALSE(job_.AddInterest("b"));
  const JobSnapshot snapshot = job_.Snapshot();
  EXPECT_EQ(snapshot.state, JobState::kSucceeded);
  EXPECT_EQ(snapshot.artifact.size_bytes, 42);
  EXPECT_EQ(snapshot.started_ms, 5);
  EXPECT_EQ(snapshot.finished_ms, 9);
  EXPECT_EQ(snapshot.interest_count, 0);
  EXPECT_EQ(snapshot.last_seq, 1);
  EXPECT_FALSE(job_.token().Cancelled());
}

TEST_F(JobTest, TheStateFollowsFromTheError) {
  const auto state_after = [this](const absl::Status& status) {
    Job job("id", "s", "k", clock_);
    job.Finish({.status = status, .artifact = {}}, 1);
    return job.state();
  };
  EXPECT_EQ(state_after(JobCutShort()), JobState::kCancelled);
  EXPECT_EQ(state_after(WorkThrew("x")), JobState::kFailed);
  EXPECT_EQ(state_after(MakeError(absl::StatusCode::kAborted, "INTERRUPTED",
                                  "the daemon ended", "")),
            JobState::kInterrupted);
}

TEST_F(JobTest, ItsClassIsTheMostUrgentOfItsCallers) {
  job_.AddInterest("warm", JobClass::kWarm);
  EXPECT_EQ(job_.job_class(), JobClass::kWarm);
  job_.AddInterest("a");
  job_.AddInterest("b");
  EXPECT_EQ(job_.Snapshot().job_class, JobClass::kInteractive);
  job_.RemoveInterest("a");
  EXPECT_EQ(job_.job_class(), JobClass::kInteractive);
  job_.RemoveInterest("b");
  EXPECT_EQ(job_.job_class(), JobClass::kWarm);
}

TEST_F(JobTest, PublishingMayWinAgainstACancellation) {
  job_.AddInterest("a");
  job_.MarkRunning(1);
  job_.RemoveInterest("a");
  job_.Finish({}, 2);
  EXPECT_EQ(job_.state(), JobState::kSucceeded);
}

TEST_F(JobTest, TheLastOneToLeaveSaysWhyItEnds) {
  job_.AddInterest("a");
  job_.AddInterest("b");
  job_.RemoveInterest("a", WorkThrew("x"));
  EXPECT_TRUE(job_.cancel_reason().ok());
  job_.RemoveInterest("b", NobodyCameBack());
  EXPECT_TRUE(HasReason(job_.cancel_reason(), "INTERRUPTED"));
}

TEST_F(JobTest, AWishOnlyGrows) {
  EXPECT_TRUE(job_.AddWish(JobWish::kWatched));
  EXPECT_FALSE(job_.AddWish(JobWish::kWatched));
  EXPECT_FALSE(job_.AddWish(JobWish::kWarm));
  EXPECT_TRUE(job_.AddWish(JobWish::kDetached));
  EXPECT_EQ(job_.wish(), JobWish::kDetached);
}

TEST_F(JobTest, APastJobKeepsItsTimes) {
  JobSnapshot past;
  past.id = "old";
  past.state = JobState::kInterrupted;
  past.source = "demo:1";
  past.content_key = Sha256Of("key");
  past.created_ms = 1;
  past.started_ms = 2;
  past.finished_ms = 3;
  past.status = CancelledError();
  const JobSnapshot copy = Job::FromPast(past, clock_)->Snapshot();
  EXPECT_EQ(copy.state, JobState::kInterrupted);
  EXPECT_EQ(copy.content_key, past.content_key);
  EXPECT_EQ(copy.created_ms, 1);
  EXPECT_EQ(copy.started_ms, 2);
  EXPECT_EQ(copy.finished_ms, 3);
  EXPECT_EQ(copy.last_seq, 1);
}

}  // namespace
}  // namespace bottled
