// A scheduler over a real index, with work that the test controls.

#ifndef BOTTLED_TESTS_JOBS_SCHEDULER_FIXTURE_H_
#define BOTTLED_TESTS_JOBS_SCHEDULER_FIXTURE_H_

#include <atomic>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "jobs/scheduler.h"
#include "jobs/tools.h"

namespace bottled::testing {

class SchedulerFixture : public ::testing::Test {
 protected:
  void Start(Scheduler::Options options = {}) {
    Start(std::move(options), Clock::System());
  }
  void Start(Scheduler::Options options, const Clock& clock) {
    options.boot_id = "boot";
    scheduler_ = std::make_unique<Scheduler>(options, *index_, clock);
  }

  static ArtifactRecord Artifact(const std::string& name) {
    ArtifactRecord record;
    record.digest = Sha256Of(name);
    return record;
  }

  // Succeeds at once.
  Scheduler::Work Quick() {
    return [this](Job& job) -> absl::StatusOr<ArtifactRecord> {
      ++runs_;
      return Artifact(job.flight_key());
    };
  }
  // Runs until it is cancelled, or until Release().
  Scheduler::Work Held() {
    return [this](Job& job) -> absl::StatusOr<ArtifactRecord> {
      ++runs_;
      ++held_;
      while (!released_ && !job.token().Cancelled()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      --held_;
      if (job.token().Cancelled()) {
        return job.token().Check();
      }
      return Artifact(job.flight_key());
    };
  }
  void Release() { released_ = true; }

  Scheduler::Submission Submit(const std::string& key, Scheduler::Work work,
                               bool tied = false) {
    auto submission = TrySubmit(key, std::move(work), tied);
    EXPECT_TRUE(submission.ok()) << submission.status();
    return submission.ok() ? *submission : Scheduler::Submission();
  }
  absl::StatusOr<Scheduler::Submission> TrySubmit(const std::string& key,
                                                  Scheduler::Work work,
                                                  bool tied = false) {
    return scheduler_->Submit({.flight_key = key,
                               .key = Sha256Of(key),
                               .source = "source of " + key,
                               .tied = tied},
                              [&work] { return std::move(work); });
  }

  // As a client of that name, or as a warmer.
  Scheduler::Submission SubmitAs(const std::string& key, JobClass job_class,
                                 Scheduler::Work work,
                                 const std::string& client = "") {
    auto submission = scheduler_->Submit({.flight_key = key,
                                          .key = Sha256Of(key),
                                          .source = "source of " + key,
                                          .job_class = job_class,
                                          .client = client},
                                         [&work] { return std::move(work); });
    EXPECT_TRUE(submission.ok()) << submission.status();
    return submission.ok() ? *submission : Scheduler::Submission();
  }

  JobRecord Row(const Job& job) {
    auto row = index_->FindJob(job.id());
    EXPECT_TRUE(row.ok()) << row.status();
    EXPECT_TRUE(row.ok() && row->has_value()) << "no row of " << job.id();
    return row.ok() && row->has_value() ? **row : JobRecord();
  }
  bool WaitForHeld(int count) {
    return WaitUntil([this, count] { return held_ == count; });
  }

  std::atomic<int> runs_ = 0;
  std::atomic<int> held_ = 0;
  std::atomic<bool> released_ = false;
  TestIndex index_;
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_SCHEDULER_FIXTURE_H_
