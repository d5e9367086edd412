// The job's state machine against a model of it, step by random step.

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "base/error.h"
#include "base/sanitized.h"
#include "base/seed.h"
#include "gtest/gtest.h"
#include "jobs/errors.h"
#include "jobs/job.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

// What a job must be, in as few words as possible.
struct JobModel {
  JobState state = JobState::kQueued;
  std::map<std::string, JobClass> callers;
  JobClass last_class = JobClass::kWarm;
  bool yielding = false;
  int finished_events = 0;

  bool Open() const {
    return state == JobState::kQueued || state == JobState::kRunning;
  }
  JobClass Class() {
    if (!callers.empty()) {
      last_class = JobClass::kWarm;
      for (const auto& [id, job_class] : callers) {
        last_class = std::min(last_class, job_class);
      }
    }
    return last_class;
  }
  void Cancel() {
    callers.clear();
    state = Open() ? JobState::kCancelling : state;
  }
};

class Walk {
 public:
  explicit Walk(unsigned seed) : random_(seed) {}

  // False when job and model disagree.
  bool Steps(int count) {
    for (int i = 0; i < count; ++i) {
      if (job_ == nullptr || (IsTerminal(model_.state) && Pick(4) == 0)) {
        job_ = std::make_unique<Job>("id", "source", "key", clock_);
        model_ = JobModel();
        ++jobs_;
      }
      const int step = Pick(9);
      if (!Step(step) || !Agrees()) {
        ADD_FAILURE() << "step " << i << ", kind " << step << ", job "
                      << static_cast<int>(job_->state()) << ", model "
                      << static_cast<int>(model_.state);
        return false;
      }
    }
    return true;
  }
  int jobs() const { return jobs_; }

 private:
  int Pick(int below) {
    return static_cast<int>(random_() % static_cast<unsigned>(below));
  }

  // One change to both. False when they answer differently.
  bool Step(int step) {
    const std::string caller(1, static_cast<char>('a' + Pick(3)));
    switch (step) {
      case 0:
      case 1: {
        const JobClass job_class =
            Pick(2) == 0 ? JobClass::kWarm : JobClass::kInteractive;
        const bool open = model_.Open();
        if (open) {
          model_.callers[caller] = job_class;
        }
        return job_->AddInterest(caller, job_class) == open;
      }
      case 2: {
        const bool had = model_.callers.erase(caller) > 0;
        if (had && model_.callers.empty()) {
          model_.Cancel();
        }
        return job_->RemoveInterest(caller) == had;
      }
      case 3:
        // Rare, or no job would live long.
        if (Pick(4) == 0) {
          model_.Cancel();
          job_->ForceCancel(JobCancelledByForce());
        }
        return true;
      case 4: {
        const int callers = static_cast<int>(model_.callers.size());
        const int shared = callers > 1 ? callers : 0;
        if (shared == 0) {
          model_.Cancel();
        }
        return job_->CancelUnlessShared(CancelledError()) == shared;
      }
      case 5: {
        const bool runs = model_.state == JobState::kQueued;
        model_.state = runs ? JobState::kRunning : model_.state;
        return job_->MarkRunning(1) == runs;
      }
      case 6: {
        const bool runs = model_.state == JobState::kRunning;
        model_.yielding = model_.yielding || runs;
        return job_->AskToYield() == runs;
      }
      case 7: {
        const bool yields =
            model_.yielding && model_.state == JobState::kRunning;
        model_.yielding = false;
        model_.state = yields ? JobState::kQueued : model_.state;
        return job_->Yield() == yields;
      }
      default:
        return Finish();
    }
  }
  bool Finish() {
    absl::Status status;
    JobState end = JobState::kSucceeded;
    switch (Pick(4)) {
      case 0:
        status = CancelledError();
        end = JobState::kCancelled;
        break;
      case 1:
        status = absl::InternalError("x");
        end = JobState::kFailed;
        break;
      case 2:
        status = MakeError(absl::StatusCode::kAborted, "INTERRUPTED", "x", "");
        end = JobState::kInterrupted;
        break;
      default:
        break;
    }
    if (!IsTerminal(model_.state)) {
      model_.state = end;
      model_.callers.clear();
      model_.finished_events = 1;
    }
    job_->Finish({.status = status, .artifact = {}}, 2);
    return true;
  }

  bool Agrees() {
    bool agrees =
        job_->state() == model_.state &&
        job_->interest_count() == static_cast<int>(model_.callers.size()) &&
        job_->job_class() == model_.Class() &&
        job_->events().Read(0, 8).finished == (model_.finished_events == 1);
    for (const char* caller : {"a", "b", "c"}) {
      agrees = agrees &&
               job_->HasInterest(caller) == model_.callers.contains(caller);
    }
    // Each token is a descriptor, so they are looked at now and then.
    if (Pick(16) == 0) {
      agrees = agrees &&
               job_->token().Cancelled() ==
                   (model_.state == JobState::kCancelling ||
                    (model_.state == JobState::kRunning && model_.yielding));
    }
    return agrees;
  }

  testing::TestClock clock_;
  std::mt19937 random_;
  std::unique_ptr<Job> job_;
  JobModel model_;
  int jobs_ = 0;
};

TEST(JobModelTest, AMillionRandomSteps) {
  const unsigned seed = TestSeed();
  Walk walk(seed);
  EXPECT_TRUE(walk.Steps(Turns(1'000'000))) << "seed " << seed;
  printf("seed %u: %d jobs\n", seed, walk.jobs());
}

}  // namespace
}  // namespace bottled
