#include "jobs/history.h"

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jobs/scheduler_fixture.h"
#include "store/failure_json.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;

class HistoryTest : public testing::SchedulerFixture {
 protected:
  void AddRow(const std::string& id, int64_t created_ms, JobRowState state,
              const std::string& failure_json) {
    ASSERT_TRUE(index_
                    ->InsertJob({.id = id,
                                 .state = JobRowState::kQueued,
                                 .source = "demo:1",
                                 .content_key = Digest(),
                                 .created_ms = created_ms,
                                 .artifact = Digest(),
                                 .failure_json = "",
                                 .boot_id = "old"})
                    .ok());
    if (state != JobRowState::kQueued) {
      ASSERT_TRUE(
          index_->FinishJob(id, state, Digest(), failure_json, created_ms + 5)
              .ok());
    }
  }
};

TEST_F(HistoryTest, RebuildsAJobFromItsRow) {
  AddRow("a", 100, JobRowState::kInterrupted,
         R"({"reason":"INTERRUPTED","message":"The daemon ended"})");
  const auto job = FindPastJob("a", *index_, Clock::System());
  ASSERT_TRUE(job.ok()) << job.status();
  const JobSnapshot snapshot = (*job)->Snapshot();
  EXPECT_EQ(snapshot.state, JobState::kInterrupted);
  EXPECT_EQ(snapshot.created_ms, 100);
  EXPECT_EQ(snapshot.finished_ms, 105);
  EXPECT_TRUE(HasReason(snapshot.status, "INTERRUPTED"));
  EXPECT_EQ(snapshot.attempt, 1);
  // Also for whoever has followed a run of it up to there.
  for (const int64_t seen : {0, 1, 100}) {
    const EventLog::Batch events = (*job)->events().Read(seen, 10);
    EXPECT_EQ(events.events.size(), 1u) << seen;
    EXPECT_EQ(events.gap_last, 0);
    EXPECT_TRUE(events.finished);
  }
}

TEST_F(HistoryTest, KnowsNoOpenAndNoForeignJobs) {
  AddRow("open", 100, JobRowState::kQueued, "");
  for (const char* id : {"open", "none", ""}) {
    EXPECT_TRUE(HasReason(FindPastJob(id, *index_, Clock::System()).status(),
                          "JOB_NOT_FOUND"))
        << id;
  }
}

TEST_F(HistoryTest, ListsLiveAndPastJobsNewestFirstAndOnce) {
  // Not from the epoch: the scheduler trims what is 30 days old.
  const int64_t now_ms = Clock::System().NowMs();
  AddRow("older", now_ms - 2000, JobRowState::kCancelled,
         EncodeFailure(CancelledError()));
  AddRow("newer", now_ms - 1000, JobRowState::kCancelled,
         EncodeFailure(CancelledError()));
  Start();
  const auto held = Submit("held", Held());
  const auto ended = Submit("ended", Quick());
  testing::WaitForEnd(*ended.job);

  const auto ids = [this](bool include_finished, int limit) {
    std::vector<std::string> result;
    const auto jobs =
        ListAllJobs(*scheduler_, *index_, include_finished, limit);
    EXPECT_TRUE(jobs.ok()) << jobs.status();
    for (const JobSnapshot& job : *jobs) {
      result.push_back(job.id);
    }
    return result;
  };
  EXPECT_THAT(ids(true, 10),
              ElementsAre(ended.job->id(), held.job->id(), "newer", "older"));
  EXPECT_THAT(ids(true, 3),
              ElementsAre(ended.job->id(), held.job->id(), "newer"));
  EXPECT_THAT(ids(false, 10), ElementsAre(held.job->id()));
  Release();
}

}  // namespace
}  // namespace bottled
