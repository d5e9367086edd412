// Index, objects and scheduler over a temporary directory.

#ifndef BOTTLED_TESTS_JOBS_STORE_FIXTURE_H_
#define BOTTLED_TESTS_JOBS_STORE_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "jobs/scheduler.h"
#include "jobs/tools.h"
#include "store/objects.h"

namespace bottled::testing {

class StoreFixture : public ::testing::Test {
 protected:
  StoreFixture() {
    auto objects = Objects::Open(index_.places(), *index_, Clock::System());
    EXPECT_TRUE(objects.ok()) << objects.status();
    objects_ = *std::move(objects);
    Scheduler::Options options;
    options.boot_id = "boot";
    // What failed may be tried again at once.
    options.failure_window = std::chrono::milliseconds(0);
    scheduler_ = std::make_unique<Scheduler>(options, *index_, Clock::System());
  }

  // What a job must never leave behind.
  void ExpectNoStage() {
    EXPECT_TRUE(NamesIn(index_.places().stage()).empty());
  }
  int64_t ArtifactCount() {
    const auto totals = index_->Totals();
    EXPECT_TRUE(totals.ok()) << totals.status();
    return totals.ok() ? totals->count : -1;
  }
  JobRowState RowState(const Job& job) {
    const auto row = index_->FindJob(job.id());
    EXPECT_TRUE(row.ok() && row->has_value());
    return row.ok() && row->has_value() ? (*row)->state
                                        : JobRowState::kInterrupted;
  }

  TestIndex index_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<Scheduler> scheduler_;
};

// The stages of a job in the order in which they began.
inline std::vector<Stage> StagesOf(const Job& job) {
  std::vector<Stage> stages;
  for (const JobEvent& event : job.events().Read(0, 10'000).events) {
    if (const auto* started = std::get_if<StageStarted>(&event.what)) {
      stages.push_back(started->stage);
    }
  }
  return stages;
}

inline std::vector<std::string> WarningsOf(const Job& job) {
  std::vector<std::string> lines;
  for (const JobEvent& event : job.events().Read(0, 10'000).events) {
    const auto* line = std::get_if<LogLine>(&event.what);
    if (line != nullptr && line->warning) {
      lines.push_back(line->text);
    }
  }
  return lines;
}

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_JOBS_STORE_FIXTURE_H_
