#include <optional>

#include "base/error.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/index.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::RecordOf;
using ::testing::SizeIs;
using testing::StoreEnv;

constexpr int64_t kDayMs = 24 * 3600 * 1000;

class IndexJobs : public ::testing::Test {
 protected:
  IndexJobs() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }

  Index& index() { return env_.index(); }
  absl::Status Insert(const std::string& id, const Digest& key = Digest(),
                      JobRowState state = JobRowState::kQueued) {
    JobRecord job;
    job.id = id;
    job.state = state;
    job.source = "image " + id;
    job.content_key = key;
    job.created_ms = 100;
    job.boot_id = "boot";
    return index().InsertJob(job);
  }
  JobRecord Get(const std::string& id) {
    const auto job = index().FindJob(id);
    EXPECT_TRUE(job.ok() && job->has_value()) << id;
    return job.ok() && job->has_value() ? **job : JobRecord();
  }
  std::vector<std::string> Ids(bool include_finished, int limit) {
    std::vector<std::string> ids;
    const auto jobs = index().ListJobs(include_finished, limit);
    for (const JobRecord& job : *jobs) {
      ids.push_back(job.id);
    }
    return ids;
  }
  absl::Status Finish(const std::string& id, JobRowState state,
                      int64_t now_ms = 300) {
    return index().FinishJob(id, state, Digest(), "{}", now_ms);
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(IndexJobs, GoThroughTheirStates) {
  ASSERT_TRUE(Insert("a").ok());
  JobRecord job = Get("a");
  EXPECT_EQ(job.state, JobRowState::kQueued);
  EXPECT_EQ(job.source, "image a");
  EXPECT_EQ(job.boot_id, "boot");
  EXPECT_TRUE(job.content_key.empty());
  EXPECT_EQ(job.created_ms, 100);
  EXPECT_EQ(job.started_ms, 0);
  EXPECT_EQ(job.finished_ms, 0);

  ASSERT_TRUE(index().MarkRunning("a", 200).ok());
  ASSERT_TRUE(index().SetJobKey("a", KeyOf(1)).ok());
  job = Get("a");
  EXPECT_EQ(job.state, JobRowState::kRunning);
  EXPECT_EQ(job.started_ms, 200);
  EXPECT_EQ(job.content_key, KeyOf(1));

  ArtifactRecord record = RecordOf("bytes", KeyOf(1));
  ASSERT_TRUE(index().MarkPublishing("a", record).ok());
  EXPECT_EQ(Get("a").state, JobRowState::kPublishing);
  EXPECT_EQ(Get("a").artifact, record.digest);
  auto open = index().OpenJobs();
  ASSERT_THAT(*open, SizeIs(1));
  ASSERT_TRUE(open->front().publishing.has_value());
  EXPECT_EQ(open->front().publishing->digest, record.digest);
  EXPECT_EQ(open->front().publishing->references, record.references);

  ASSERT_TRUE(index().InsertArtifact(record, "a", 400).ok());
  job = Get("a");
  EXPECT_EQ(job.state, JobRowState::kSucceeded);
  EXPECT_EQ(job.artifact, record.digest);
  EXPECT_EQ(job.content_key, KeyOf(1));
  EXPECT_EQ(job.finished_ms, 400);
  EXPECT_THAT(*index().OpenJobs(), IsEmpty());
}

TEST_F(IndexJobs, KeepTheirFailure) {
  ASSERT_TRUE(Insert("a").ok());
  ASSERT_TRUE(
      index()
          .FinishJob("a", JobRowState::kFailed, Digest(), "{\"x\":1}", 300)
          .ok());
  EXPECT_EQ(Get("a").state, JobRowState::kFailed);
  EXPECT_EQ(Get("a").failure_json, "{\"x\":1}");
  EXPECT_EQ(Get("a").finished_ms, 300);
}

TEST_F(IndexJobs, AnEndedJobDoesNotChange) {
  ASSERT_TRUE(Insert("a", KeyOf(1)).ok());
  ASSERT_TRUE(Finish("a", JobRowState::kCancelled).ok());
  const ArtifactRecord record = RecordOf("bytes", KeyOf(1));
  for (const absl::Status& status :
       {index().MarkRunning("a", 1), index().SetJobKey("a", KeyOf(2)),
        index().MarkPublishing("a", record), Finish("a", JobRowState::kFailed),
        index().MarkRunning("none", 1), Finish("none", JobRowState::kFailed)}) {
    EXPECT_TRUE(HasReason(status, kJobNotOpen)) << status;
  }
  // Its artifact is complete all the same.
  EXPECT_TRUE(index().InsertArtifact(record, "a", 1).ok());
  EXPECT_EQ(Get("a").state, JobRowState::kCancelled);
  EXPECT_TRUE(index().FindByKey(KeyOf(1))->has_value());
}

TEST_F(IndexJobs, OneOpenJobPerKey) {
  ASSERT_TRUE(Insert("a", KeyOf(1)).ok());
  const absl::Status second = Insert("b", KeyOf(1));
  EXPECT_EQ(second.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(HasReason(second, kJobExists)) << second;
  EXPECT_FALSE(index().FindJob("b")->has_value());

  ASSERT_TRUE(Insert("c").ok());
  EXPECT_TRUE(HasReason(index().SetJobKey("c", KeyOf(1)), kJobExists));
  EXPECT_TRUE(index().SetJobKey("a", KeyOf(1)).ok());
  EXPECT_TRUE(index().SetJobKey("c", KeyOf(2)).ok());

  for (const auto mark : {0, 1}) {
    if (mark == 0) {
      ASSERT_TRUE(index().MarkRunning("a", 1).ok());
    } else {
      ASSERT_TRUE(
          index().MarkPublishing("a", RecordOf("bytes", KeyOf(1))).ok());
    }
    EXPECT_TRUE(HasReason(Insert("d", KeyOf(1)), kJobExists));
  }
  ASSERT_TRUE(Finish("a", JobRowState::kCancelled).ok());
  EXPECT_TRUE(Insert("d", KeyOf(1)).ok());
  // Refusals are no damage.
  EXPECT_TRUE(Insert("e", KeyOf(5)).ok());
}

TEST_F(IndexJobs, AnIdIsUsedOnce) {
  ASSERT_TRUE(Insert("a").ok());
  EXPECT_FALSE(Insert("a").ok());
  ASSERT_TRUE(Insert("b").ok());
}

TEST_F(IndexJobs, AreListedNewestFirst) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(Insert(id).ok());
  }
  ASSERT_TRUE(Finish("b", JobRowState::kFailed).ok());
  EXPECT_THAT(Ids(true, 0), ElementsAre("c", "b", "a"));
  EXPECT_THAT(Ids(true, 2), ElementsAre("c", "b"));
  EXPECT_THAT(Ids(false, 0), ElementsAre("c", "a"));
  std::vector<std::string> open;
  const auto open_jobs = index().OpenJobs();
  for (const Index::OpenJob& job : *open_jobs) {
    open.push_back(job.job.id);
  }
  EXPECT_THAT(open, ElementsAre("a", "c"));
}

TEST_F(IndexJobs, TrimForgetsTheOldOnes) {
  ASSERT_TRUE(Insert("open").ok());
  ASSERT_TRUE(Insert("old").ok());
  ASSERT_TRUE(Finish("old", JobRowState::kFailed, 1).ok());
  ASSERT_TRUE(Insert("new").ok());
  ASSERT_TRUE(Finish("new", JobRowState::kFailed, 31 * kDayMs).ok());
  ASSERT_TRUE(index().TrimJobs(31 * kDayMs).ok());
  EXPECT_THAT(Ids(true, 0), ElementsAre("new", "open"));
}

TEST_F(IndexJobs, TrimKeepsFiveThousand) {
  env_.Stop();
  // One transaction; a commit for each job would take a while.
  testing::RawSql(env_.places().database(),
                  "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 "
                  "FROM n LIMIT 5003) INSERT INTO job(id, state, source, "
                  "created_ms, started_ms, finished_ms, boot_id) "
                  "SELECT i, 'failed', 's', 1, 1, 100, 'b' FROM n");
  const absl::Status started = env_.Start();
  ASSERT_TRUE(started.ok()) << started;
  ASSERT_TRUE(Insert("open").ok());
  ASSERT_TRUE(index().TrimJobs(200).ok());
  const std::vector<std::string> ids = Ids(true, 0);
  ASSERT_THAT(ids, SizeIs(5001));
  EXPECT_EQ(ids.front(), "open");
  EXPECT_EQ(ids[1], "5002");
  EXPECT_EQ(ids.back(), "3");
}

}  // namespace
}  // namespace bottled
