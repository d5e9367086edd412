// A process that ends, as with kill -9, at every step of a publication, and
// again at every step of the recovery after it.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using testing::Disagreement;
using testing::KeyOf;
using testing::SidecarLike;
using testing::StoreEnv;

constexpr int kStopped = 42;
constexpr int kSurvived = 43;

// The exit status of a child that runs `body`. Nothing of SQLite or of the lock
// may be open in the parent, as the child would inherit it.
int InChild(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    ::_exit(kSurvived);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void StopAt(Objects& objects, const std::string& step) {
  objects.set_step_hook([step](std::string_view at) {
    if (at == step) {
      ::_exit(kStopped);
    }
  });
}

// Publishes seed 1 and stops at `step`; with "staged", before all of it.
void PublishAndStop(const std::filesystem::path& root, const std::string& step,
                    bool already_there) {
  StoreEnv env(root);
  if (!env.Start().ok()) {
    ::_exit(1);
  }
  if (already_there) {
    env.MustPublish(1);
  }
  const auto staged = env.Stage("victim", SidecarLike(1), KeyOf(2));
  if (!staged.ok()) {
    ::_exit(2);
  }
  if (step == "staged") {
    ::_exit(kStopped);
  }
  StopAt(env.objects(), step);
  const auto record =
      env.objects().Publish("victim", staged->file, staged->record);
  ::_exit(record.ok() ? kSurvived : 3);
}

// As StoreEnv::Start(), but stops at a step of the recovery.
void RecoverAndStop(const std::filesystem::path& root,
                    const std::string& step) {
  const Places places = testing::PlacesIn(root);
  testing::FakeClock clock;
  RecoveryReport report;
  auto lock = InstanceLock::Acquire(places.lock(), "test");
  auto index = OpenIndex(places, *lock, clock, report);
  auto objects = Objects::Open(places, **index, clock);
  StopAt(**objects, step);
  const absl::Status status =
      Recover(places, **index, **objects, clock, report);
  ::_exit(status.ok() ? kSurvived : 3);
}

using Param = std::tuple<const char*, const char*, bool>;

class Killed : public ::testing::TestWithParam<Param> {};

TEST_P(Killed, LeavesAllOrNothing) {
  const auto& [step, recovery_step, already_there] = GetParam();
  const TempDir dir;
  ASSERT_EQ(InChild([&] { PublishAndStop(dir.path(), step, already_there); }),
            kStopped);
  if (*recovery_step != '\0') {
    // Some recoveries have nothing to publish, and so no such step.
    const int code =
        InChild([&] { RecoverAndStop(dir.path(), recovery_step); });
    ASSERT_TRUE(code == kStopped || code == kSurvived) << code;
  }
  StoreEnv env(dir.path());
  const absl::Status started = env.Start();
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(Disagreement(env), "");
  EXPECT_TRUE(env.index().OpenJobs()->empty());

  // Before the row says "publishing" nothing may be there, afterwards all.
  const bool there =
      std::string(step) != "staged" && std::string(step) != "synced";
  const auto found = env.objects().Lookup(KeyOf(2));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->has_value(), there);
  const auto job = env.index().FindJob("victim");
  ASSERT_TRUE(job.ok() && job->has_value());
  EXPECT_EQ((*job)->state,
            there ? JobRowState::kSucceeded : JobRowState::kInterrupted);
  if (!there) {
    EXPECT_THAT((*job)->failure_json, ::testing::HasSubstr("INTERRUPTED"));
  }
  EXPECT_NE((*job)->finished_ms, 0);
  EXPECT_EQ(env.index().FindByKey(KeyOf(1))->has_value(), already_there);
  EXPECT_TRUE(testing::Names(env.places().quarantine()).empty());

  const auto again = env.Publish("again", SidecarLike(1), KeyOf(2));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Disagreement(env), "");

  // And once more finds nothing to do.
  env.Restart();
  EXPECT_EQ(env.report().interrupted_jobs, 0);
  EXPECT_EQ(env.report().finished_publications, 0);
  EXPECT_EQ(env.report().adopted, 0);
  EXPECT_EQ(env.report().quarantined, 0);
  EXPECT_EQ(env.report().missing, 0);
}

INSTANTIATE_TEST_SUITE_P(
    EveryStep, Killed,
    ::testing::Combine(::testing::Values("staged", "synced", "publishing",
                                         "renamed", "dirs_synced", "committed"),
                       ::testing::Values("", "renamed", "dirs_synced",
                                         "committed"),
                       ::testing::Bool()),
    [](const auto& test) {
      return std::string(std::get<0>(test.param)) + "_" +
             std::get<1>(test.param) +
             (std::get<2>(test.param) ? "_again" : "_new");
    });

}  // namespace
}  // namespace bottled
