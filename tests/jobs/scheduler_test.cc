#include "jobs/scheduler.h"

#include <map>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/scheduler_fixture.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using testing::WaitForEnd;
using testing::WaitUntil;

class SchedulerTest : public testing::SchedulerFixture {};

TEST_F(SchedulerTest, RunsAJobAndKeepsItsRow) {
  Start();
  const auto submission = Submit("k", Quick());
  EXPECT_FALSE(submission.joined);
  const JobSnapshot end = WaitForEnd(*submission.job);
  EXPECT_EQ(end.state, JobState::kSucceeded);
  EXPECT_EQ(end.artifact.digest, Sha256Of("k"));
  EXPECT_EQ(end.source, "source of k");
  const JobRecord row = Row(*submission.job);
  EXPECT_EQ(row.state, JobRowState::kSucceeded);
  EXPECT_EQ(row.artifact, Sha256Of("k"));
  EXPECT_EQ(row.content_key, Sha256Of("k"));
  EXPECT_EQ(row.boot_id, "boot");
  EXPECT_GT(row.started_ms, 0);
  EXPECT_GT(row.finished_ms, 0);
  EXPECT_EQ(scheduler_->Find(submission.job->id()), submission.job);
}

TEST_F(SchedulerTest, FailuresCarryStageAndLogTailInEventAndRow) {
  Start();
  const auto submission =
      Submit("k", [](Job& job) -> absl::StatusOr<ArtifactRecord> {
        job.events().StartStage(Stage::kMerge);
        job.events().AddLine("almost", false);
        return MakeError(absl::StatusCode::kResourceExhausted, "NO_SPACE",
                         "The disk is full", "Free some space.");
      });
  const JobSnapshot end = WaitForEnd(*submission.job);
  EXPECT_EQ(end.state, JobState::kFailed);
  EXPECT_EQ(Row(*submission.job).state, JobRowState::kFailed);
  for (const absl::Status& status :
       {end.status, DecodeFailure(Row(*submission.job).failure_json)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    const ErrorDetail detail = GetErrorDetail(status);
    EXPECT_EQ(detail.reason, "NO_SPACE");
    EXPECT_EQ(detail.remedy, "Free some space.");
    EXPECT_EQ(detail.stage, "merge");
    EXPECT_THAT(detail.log_tail, ElementsAre("almost"));
  }
}

TEST_F(SchedulerTest, AnExceptionEndsTheJobAndNotTheDaemon) {
  Start();
  const auto first = Submit("a", [](Job&) -> absl::StatusOr<ArtifactRecord> {
    throw std::bad_alloc();
  });
  const auto second =
      Submit("b", [](Job&) -> absl::StatusOr<ArtifactRecord> { throw 7; });
  for (const auto& job : {first.job, second.job}) {
    const JobSnapshot end = WaitForEnd(*job);
    EXPECT_EQ(end.state, JobState::kFailed);
    EXPECT_TRUE(HasReason(end.status, "INTERNAL")) << end.status;
    EXPECT_EQ(Row(*job).state, JobRowState::kFailed);
  }
  EXPECT_EQ(WaitForEnd(*Submit("c", Quick()).job).state, JobState::kSucceeded);
}

TEST_F(SchedulerTest, AThousandCallersOfOneKeyShareOneRun) {
  Start();
  constexpr int kThreads = 20;
  constexpr int kCallsPerThread = 50;
  Mutex mu;
  std::set<std::shared_ptr<Job>> jobs;
  std::set<std::string> interests;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCallsPerThread; ++i) {
        const auto submission = Submit("k", Held());
        MutexLock lock(mu);
        jobs.insert(submission.job);
        interests.insert(submission.interest_id);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(interests.size(), 1000u);
  EXPECT_EQ((*jobs.begin())->interest_count(), 1000);
  Release();
  EXPECT_EQ(WaitForEnd(**jobs.begin()).state, JobState::kSucceeded);
  EXPECT_EQ(runs_, 1);
}

TEST_F(SchedulerTest, TenThousandSubmissionsOverFiftyKeysRunFiftyTimes) {
  Start({.max_running = 4});
  std::map<std::string, std::shared_ptr<Job>> jobs;
  Mutex mu;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1250; ++i) {
        const std::string key = std::to_string((i * 7 + t) % 50);
        const auto submission = Submit(key, Held());
        MutexLock lock(mu);
        const auto [it, fresh] = jobs.emplace(key, submission.job);
        EXPECT_EQ(it->second, submission.job);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  Release();
  ASSERT_EQ(jobs.size(), 50u);
  for (const auto& [key, job] : jobs) {
    const JobSnapshot end = WaitForEnd(*job);
    EXPECT_EQ(end.state, JobState::kSucceeded);
    EXPECT_EQ(end.artifact.digest, Sha256Of(key));
  }
  EXPECT_EQ(runs_, 50);
  EXPECT_TRUE(WaitUntil([this] { return scheduler_->active_count() == 0; }));
}

TEST_F(SchedulerTest, RunsAtMostSoManyAtOnceInTheOrderOfArrival) {
  Start({.max_running = 1});
  Mutex mu;
  std::vector<std::string> order;
  const auto note = [&](Job& job) -> absl::StatusOr<ArtifactRecord> {
    MutexLock lock(mu);
    order.push_back(job.flight_key());
    return Artifact("x");
  };
  const auto first = Submit("0", Held());
  ASSERT_TRUE(WaitForHeld(1));
  std::shared_ptr<Job> last;
  for (const char* key : {"1", "2", "3"}) {
    last = Submit(key, note).job;
  }
  EXPECT_EQ(last->state(), JobState::kQueued);
  EXPECT_EQ(Row(*last).state, JobRowState::kQueued);
  EXPECT_EQ(scheduler_->active_count(), 4);
  Release();
  WaitForEnd(*last);
  MutexLock lock(mu);
  EXPECT_THAT(order, ElementsAre("1", "2", "3"));
}

TEST_F(SchedulerTest, RefusesWhenTheQueueIsFull) {
  Start({.max_running = 1, .max_queued = 2});
  Submit("running", Held());
  ASSERT_TRUE(WaitForHeld(1));
  const auto second = Submit("second", Held());
  Submit("third", Held());
  const auto refused = TrySubmit("fourth", Quick());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(HasReason(refused.status(), "TOO_MANY_JOBS"));
  // Joining needs no place.
  EXPECT_TRUE(Submit("third", Quick()).joined);
  // A place that was given up can be taken.
  ASSERT_TRUE(
      scheduler_->Cancel(second.job->id(), second.interest_id, false).ok());
  EXPECT_TRUE(TrySubmit("fourth", Quick()).ok());
  Release();
}

TEST_F(SchedulerTest, ForgetsTheOldestEndedJobsOnly) {
  Start({.max_running = 2, .max_remembered = 2});
  const auto held = Submit("held", Held());
  ASSERT_TRUE(WaitForHeld(1));
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    const auto submission = Submit(std::to_string(i), Quick());
    ids.push_back(submission.job->id());
    WaitForEnd(*submission.job);
    ASSERT_TRUE(WaitUntil([this] { return scheduler_->active_count() == 1; }));
  }
  EXPECT_EQ(scheduler_->Find(ids[1]), nullptr);
  EXPECT_NE(scheduler_->Find(ids[2]), nullptr);
  EXPECT_NE(scheduler_->Find(held.job->id()), nullptr);
  std::vector<std::string> listed;
  for (const auto& job : scheduler_->List()) {
    listed.push_back(job->id());
  }
  EXPECT_THAT(listed, ElementsAre(ids[3], ids[2], held.job->id()));
  // The index still knows; cancelling the past is no error.
  const auto past = scheduler_->Cancel(ids[0], "", false);
  ASSERT_TRUE(past.ok()) << past.status();
  EXPECT_EQ((*past)->state(), JobState::kFailed) << "its artifact is not there";
  Release();
}

TEST_F(SchedulerTest, StopLetsRunningJobsEndWithinTheGrace) {
  Start({.max_running = 1});
  const auto running = Submit("running", Held());
  ASSERT_TRUE(WaitForHeld(1));
  const auto queued = Submit("queued", Quick());
  std::thread stop([this] { scheduler_->Stop(std::chrono::minutes(10)); });
  const JobSnapshot dropped = WaitForEnd(*queued.job);
  EXPECT_EQ(dropped.state, JobState::kCancelled);
  EXPECT_TRUE(HasReason(dropped.status, "SHUTTING_DOWN"));
  const auto refused = TrySubmit("late", Quick());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(HasReason(refused.status(), "SHUTTING_DOWN"));
  EXPECT_EQ(running.job->state(), JobState::kRunning);
  Release();
  stop.join();
  EXPECT_EQ(running.job->state(), JobState::kSucceeded);
  EXPECT_EQ(Row(*queued.job).state, JobRowState::kCancelled);
  EXPECT_EQ(runs_, 1);
}

TEST_F(SchedulerTest, StopCancelsWhatOutlastsTheGrace) {
  Start({.max_running = 1});
  const auto running = Submit("running", Held());
  ASSERT_TRUE(WaitForHeld(1));
  scheduler_->Stop(std::chrono::milliseconds(1));
  scheduler_->Stop(std::chrono::milliseconds(1));
  const JobSnapshot end = running.job->Snapshot();
  EXPECT_EQ(end.state, JobState::kCancelled);
  EXPECT_TRUE(HasReason(end.status, "SHUTTING_DOWN"));
  EXPECT_EQ(Row(*running.job).state, JobRowState::kCancelled);
}

TEST_F(SchedulerTest, WorkIsGoneBeforeAnybodyHearsOfTheEnd) {
  Start();
  auto resource = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = resource;
  bool gone = false;
  std::atomic<bool> subscribed = false;
  const auto submission = Submit("k",
                                 [&subscribed, resource = std::move(resource)](
                                     Job&) -> absl::StatusOr<ArtifactRecord> {
                                   while (!subscribed) {
                                     std::this_thread::yield();
                                   }
                                   return Artifact("x");
                                 });
  const int64_t id =
      submission.job->events().Subscribe([&] { gone = watch.expired(); });
  subscribed = true;
  WaitForEnd(*submission.job);
  submission.job->events().Unsubscribe(id);
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace bottled
