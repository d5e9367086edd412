// A request that its caller repeats under the same name.
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"
#include "jobs/pack_service.h"
#include "jobs/repeat_spec.h"
#include "jobs/service_fixture.h"

namespace bottled {
namespace {

using testing::MakeSmallArchive;
using testing::WaitForEnd;

class PackRepeatTest : public testing::ServiceFixture {
 protected:
  // It waits for its sender, so its job runs until it is told to stop.
  static PackSpec Upload() {
    PackSpec spec;
    spec.source = UploadedSource{.name = "input", .reference = ""};
    spec.request_key = "r1";
    return spec;
  }
  // `force`, so that a second run is visible.
  PackSpec Forced(const std::string& request_key) {
    PackSpec spec = Archive(path_);
    spec.force = true;
    spec.request_key = request_key;
    return spec;
  }
  size_t Jobs() { return index_->ListJobs(true, 100)->size(); }

  const std::string path_ = WriteFile("a.tar", MakeSmallArchive("hello"));
};

TEST_F(PackRepeatTest, GetsTheArtifactOfTheFirstOne) {
  const ArtifactRecord first = Make(Forced("r1"));
  const PackAnswer again = Pack(Forced("r1"));
  EXPECT_EQ(again.job, nullptr);
  ASSERT_TRUE(again.artifact.has_value());
  EXPECT_EQ(again.artifact->digest, first.digest);
  EXPECT_EQ(Jobs(), 1u);
  // Another name, and none, are other requests.
  Make(Forced("r2"));
  Make(Forced(""));
  Make(Forced(""));
  EXPECT_EQ(Jobs(), 4u);
}

TEST_F(PackRepeatTest, TakesALeaseAsAnyHit) {
  Make(Forced("r1"));
  PackSpec spec = Forced("r1");
  spec.lease = LeaseSpec{.holder = "test", .ttl = std::chrono::minutes(1)};
  EXPECT_TRUE(Pack(spec).lease.has_value());
}

TEST_F(PackRepeatTest, JoinsTheJobThatRuns) {
  const PackSpec spec = Upload();
  const PackAnswer first = Pack(spec);
  const PackAnswer again = Pack(spec);
  EXPECT_EQ(again.job, first.job);
  EXPECT_EQ(again.miss_reason, "REPEATED");
  // Still one caller, who can leave with what either answer said.
  EXPECT_EQ(again.interest_id, first.interest_id);
  EXPECT_EQ(first.job->interest_count(), 1);
  // What was stopped is no answer: it is wanted again.
  ASSERT_TRUE(scheduler_->Cancel(first.job->id(), "", true).ok());
  WaitForEnd(*first.job);
  const PackAnswer anew = Pack(spec);
  ASSERT_NE(anew.job, nullptr);
  EXPECT_NE(anew.job, first.job);
  EXPECT_EQ(Pack(spec).job, anew.job) << "and that one counts from now on";
}

// What it wants of a watch is what it said last.
TEST_F(PackRepeatTest, ATiedInterestGoesWithItsWatch) {
  PackSpec spec = Upload();
  const std::shared_ptr<Job> job = Pack(spec).job;
  ASSERT_TRUE(
      scheduler_
          ->Submit(
              {.flight_key = job->flight_key(), .key = Digest(), .source = ""},
              [] { return Scheduler::Work(); })
          .ok());
  EXPECT_EQ(job->interest_count(), 2);
  for (const bool tied : {true, false}) {
    spec.tied = tied;
    const PackAnswer again = Pack(spec);
    ASSERT_EQ(again.job, job);
    scheduler_->AttachWatch(job->id(), again.interest_id);
    EXPECT_EQ(job->interest_count(), 2);
    scheduler_->DetachWatch(job->id(), again.interest_id);
    EXPECT_EQ(job->interest_count(), tied ? 1 : 2);
  }
}

TEST_F(PackRepeatTest, WaitsForTheAnswerToTheFirstOne) {
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([this] { Make(Forced("r1")); });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(Jobs(), 1u);
}

TEST_F(PackRepeatTest, TakesUpAJobThatTheLastDaemonLeft) {
  PackSpec spec;
  ImageSource source;
  source.reference = "demo:1";
  source.engine.host = "unix://" + (files_.path() / "absent.sock").string();
  spec.source = source;
  spec.request_key = "r1";
  AddRow("left", EncodeRepeat(spec), JobWish::kWatched, "r1");
  ASSERT_TRUE(service_->Resume().ok());
  spec.tied = true;
  const PackAnswer again = Pack(spec);
  ASSERT_NE(again.job, nullptr);
  EXPECT_EQ(again.job->id(), "left");
  EXPECT_EQ(again.job->interest_count(), 1) << "nobody else is waited for";
  // While it waits for its engine it has not begun.
  while (again.job->events().LogTail(9).size() < 2 ||
         index_->FindJob("left")->value().state != JobRowState::kQueued) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_TRUE(scheduler_->Cancel("left", again.interest_id, false).ok());
  EXPECT_EQ(WaitForEnd(*again.job).state, JobState::kCancelled);
}

TEST_F(PackRepeatTest, GetsTheFailureOfTheFirstOne) {
  WriteFile("a.tar", "no archive");
  const PackAnswer first = Pack(Forced("r1"));
  ASSERT_NE(first.job, nullptr);
  EXPECT_EQ(WaitForEnd(*first.job).state, JobState::kFailed);
  WriteFile("a.tar", MakeSmallArchive("hello"));
  const PackAnswer again = Pack(Forced("r1"));
  ASSERT_NE(again.job, nullptr);
  EXPECT_EQ(again.job->id(), first.job->id());
  EXPECT_EQ(again.miss_reason, "REPEATED");
  EXPECT_EQ(again.interest_id, "");
  EXPECT_EQ(WaitForEnd(*Pack(Forced("r2")).job).state, JobState::kSucceeded);
}

TEST_F(PackRepeatTest, IsDoneAnewWhenTheArtifactIsGone) {
  const ArtifactRecord first = Make(Forced("r1"));
  ASSERT_TRUE(service_->RemoveArtifact(first.digest.ToString()).ok());
  EXPECT_NE(Pack(Forced("r1")).job, nullptr);
}

TEST_F(PackRepeatTest, KnowsJobsThatOnlyTheIndexKnows) {
  AddRow("past", "", JobWish::kDetached, "r1");
  const int64_t now_ms = Clock::System().NowMs();
  ASSERT_TRUE(index_
                  ->FinishJob("past", JobRowState::kFailed, Digest(),
                              R"({"code":3,"reason":"BAD_ARCHIVE"})", now_ms)
                  .ok());
  const PackAnswer again = Pack(Forced("r1"));
  ASSERT_NE(again.job, nullptr);
  EXPECT_EQ(again.job->id(), "past");
  EXPECT_EQ(WaitForEnd(*again.job).state, JobState::kFailed);
  // One whose job was forgotten is a new one.
  ASSERT_TRUE(index_->NoteRequest("r2", "forgotten", now_ms).ok());
  EXPECT_EQ(WaitForEnd(*Pack(Forced("r2")).job).state, JobState::kSucceeded);
}

}  // namespace
}  // namespace bottled
