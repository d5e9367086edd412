#include "base/error.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/index.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using testing::KeyOf;

constexpr int64_t kMemoryMs = 24 * 3600 * 1000;

class IndexRestarts : public ::testing::Test {
 protected:
  IndexRestarts() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }

  Index& index() { return env_.index(); }
  JobRecord Get(const std::string& id) {
    const auto job = index().FindJob(id);
    EXPECT_TRUE(job.ok() && job->has_value()) << id;
    return job.ok() && job->has_value() ? **job : JobRecord();
  }
  int Crashes(const std::string& flight, int64_t now_ms) {
    const auto count = index().CrashesOf(flight, now_ms);
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(-1);
  }

  const TempDir dir_;
  testing::StoreEnv env_;
};

TEST_F(IndexRestarts, ARowKeepsHowToRepeatIt) {
  JobRecord job;
  job.id = "a";
  job.flight = "the flight";
  job.attempt = 2;
  job.spec = R"({"image":"x"})";
  job.wish = JobWish::kWatched;
  ASSERT_TRUE(index().InsertJob(job).ok());
  const JobRecord read = Get("a");
  EXPECT_EQ(read.flight, job.flight);
  EXPECT_EQ(read.attempt, 2);
  EXPECT_EQ(read.spec, job.spec);
  EXPECT_EQ(read.wish, JobWish::kWatched);
  EXPECT_TRUE(read.repeatable());
}

TEST_F(IndexRestarts, ARequestIsKnownForADay) {
  constexpr int64_t kNow = int64_t{100} * kMemoryMs;
  JobRecord job;
  job.created_ms = kNow;
  job.id = "first";
  ASSERT_TRUE(index().InsertJob(job, "r").ok());
  EXPECT_EQ(*index().JobOfRequest("r", kNow), "first");
  job.id = "second";
  ASSERT_TRUE(index().InsertJob(job).ok());
  EXPECT_EQ(*index().JobOfRequest("", kNow), "");
  ASSERT_TRUE(index().NoteRequest("r", "second", kNow).ok());
  env_.Restart();
  EXPECT_EQ(*index().JobOfRequest("r", kNow + kMemoryMs), "second");
  EXPECT_EQ(*index().JobOfRequest("r", kNow + kMemoryMs + 1), "");
  EXPECT_EQ(*index().JobOfRequest("r", kNow - kMemoryMs - 1), "");
  EXPECT_EQ(*index().JobOfRequest("other", kNow), "");
  ASSERT_TRUE(index().TrimJobs(kNow + kMemoryMs).ok());
  EXPECT_EQ(*index().JobOfRequest("r", kNow), "second");
  ASSERT_TRUE(index().TrimJobs(kNow + kMemoryMs + 1).ok());
  EXPECT_EQ(*index().JobOfRequest("r", kNow), "");
}

TEST_F(IndexRestarts, ARequestGoesWithItsJob) {
  ASSERT_TRUE(index().NoteRequest("r", "never was", 1000).ok());
  ASSERT_TRUE(index().TrimJobs(1000).ok());
  EXPECT_EQ(*index().JobOfRequest("r", 1000), "");
}

TEST_F(IndexRestarts, OnlyWhatSomebodyWantsIsRepeatable) {
  EXPECT_FALSE(JobRecord().repeatable());
  JobRecord job;
  job.spec = "{}";
  EXPECT_FALSE(job.repeatable());
  job.wish = JobWish::kDetached;
  EXPECT_TRUE(job.repeatable());
  job.spec.clear();
  EXPECT_FALSE(job.repeatable());
}

TEST_F(IndexRestarts, ARestartedJobWaitsWithoutItsKey) {
  ASSERT_TRUE(env_.Stage("a", testing::SidecarLike(1), KeyOf(1)).ok());
  ASSERT_TRUE(index().RestartJob("a", 2).ok());
  const JobRecord job = Get("a");
  EXPECT_EQ(job.state, JobRowState::kQueued);
  EXPECT_EQ(job.attempt, 2);
  EXPECT_EQ(job.started_ms, 0);
  EXPECT_TRUE(job.content_key.empty());
  ASSERT_TRUE(index().TakeUpJob("a", "next boot").ok());
  EXPECT_EQ(Get("a").boot_id, "next boot");
}

TEST_F(IndexRestarts, AJobThatHasEndedStaysAsItIs) {
  JobRecord job;
  job.id = "a";
  ASSERT_TRUE(index().InsertJob(job).ok());
  ASSERT_TRUE(
      index().FinishJob("a", JobRowState::kFailed, Digest(), "{}", 5).ok());
  EXPECT_TRUE(HasReason(index().RestartJob("a", 2), kJobNotOpen));
  EXPECT_TRUE(HasReason(index().TakeUpJob("a", "b"), kJobNotOpen));
  EXPECT_TRUE(
      HasReason(index().SetJobWish("a", JobWish::kDetached), kJobNotOpen));
  EXPECT_EQ(Get("a").attempt, 1);
}

TEST_F(IndexRestarts, AWishOnlyGrows) {
  JobRecord job;
  job.id = "a";
  ASSERT_TRUE(index().InsertJob(job).ok());
  EXPECT_EQ(Get("a").wish, JobWish::kWarm);
  ASSERT_TRUE(index().SetJobWish("a", JobWish::kDetached).ok());
  ASSERT_TRUE(index().SetJobWish("a", JobWish::kWatched).ok());
  EXPECT_EQ(Get("a").wish, JobWish::kDetached);
}

TEST_F(IndexRestarts, CrashesCountForADay) {
  EXPECT_EQ(Crashes("f", 100 * kMemoryMs), 0);
  ASSERT_TRUE(index().NoteCrashes("f", 1, 99 * kMemoryMs).ok());
  ASSERT_TRUE(index().NoteCrashes("f", 2, 100 * kMemoryMs).ok());
  EXPECT_EQ(Crashes("f", 100 * kMemoryMs + 5), 2);
  EXPECT_EQ(Crashes("other", 100 * kMemoryMs), 0);
  // A clock that was set back a little changes nothing.
  EXPECT_EQ(Crashes("f", 100 * kMemoryMs - 5), 2);
  EXPECT_EQ(Crashes("f", 101 * kMemoryMs + 5), 0);
  EXPECT_EQ(Crashes("f", 98 * kMemoryMs), 0);
  ASSERT_TRUE(index().TrimJobs(100 * kMemoryMs).ok());
  EXPECT_EQ(Crashes("f", 100 * kMemoryMs), 2);
  ASSERT_TRUE(index().ForgetCrashes("f").ok());
  EXPECT_EQ(Crashes("f", 100 * kMemoryMs), 0);
}

TEST_F(IndexRestarts, OldCrashesAreTrimmed) {
  ASSERT_TRUE(index().NoteCrashes("f", 2, 100 * kMemoryMs).ok());
  ASSERT_TRUE(index().TrimJobs(102 * kMemoryMs).ok());
  EXPECT_EQ(Crashes("f", 100 * kMemoryMs), 0);
}

}  // namespace
}  // namespace bottled
