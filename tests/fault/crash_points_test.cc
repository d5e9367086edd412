// The process dies at every crash point of a workload, and again at every crash
// point of the recovery that follows (reliability.md, test 2).
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "fault/trace.h"
#include "fault/workload.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "platform/fault_points.h"
#include "platform/temp_dir.h"
#include "store/store_env.h"

namespace bottled::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kFinished = 0;

Trace* point_trace = nullptr;
int points_left = 0;

// Marks each point, and dies at the one that was counted off.
void AtPoint(const char* name) {
  point_trace->Mark(fmt::format("point {}", name));
  if (--points_left == 0) {
    ::kill(::getpid(), SIGKILL);
  }
}

// `die_at` counts from 1; 0 = never.
void ArmPoints(Trace& trace, int die_at) {
  point_trace = &trace;
  points_left = die_at;
  SetCrashHandler(&AtPoint);
}

// Publishes, supersedes, removes …, in a child that dies at point `die_at`.
int RunSteps(const fs::path& root, Trace& trace, int die_at) {
  return InChildProcess([&] {
    StoreEnv env(root);
    ArmPoints(trace, die_at);
    if (!env.Start().ok()) {
      return 1;
    }
    int number = 0;
    for (const Step& step : FixedSteps()) {
      if (const absl::Status status = RunStep(env, step, ++number, &trace);
          !status.ok()) {
        std::fprintf(stderr, "step %d: %s\n", number,
                     status.ToString().c_str());
        return 2;
      }
    }
    return kFinished;
  });
}

int RunRecovery(const fs::path& root, Trace& trace, int die_at) {
  return InChildProcess([&] {
    StoreEnv env(root);
    ArmPoints(trace, die_at);
    const absl::Status status = env.Start();
    if (!status.ok()) {
      std::fprintf(stderr, "recovery: %s\n", status.ToString().c_str());
      return 1;
    }
    // As with kill -9, also at its end.
    ::_exit(kFinished);
  });
}

std::vector<std::string> PointsIn(const Trace& trace) {
  std::vector<std::string> points;
  for (const TraceOp& op : trace.Read()) {
    if (op.data.starts_with("point ")) {
      points.push_back(op.data.substr(6));
    }
  }
  return points;
}

bool Killed(int status) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// Why a third start does not find what it should, or "".
std::string AfterRecovery(const fs::path& root, const Trace& trace) {
  StoreEnv env(root);
  if (const absl::Status status = env.Start(); !status.ok()) {
    return status.ToString();
  }
  const std::vector<TraceOp> ops = trace.Read();
  std::string broken = Told::Upto(ops, ops.size()).Broken(env);
  if (!broken.empty()) {
    return broken;
  }
  env.Stop();
  if (const absl::Status status = env.Start(); !status.ok()) {
    return "again: " + status.ToString();
  }
  const RecoveryReport& again = env.report();
  return again.interrupted_jobs + again.finished_publications + again.adopted +
                     again.quarantined + again.missing ==
                 0
             ? ""
             : "a second recovery finds something to do";
}

// The dictionary of points: a new one that no test reaches shows here, by the
// list of docs/reliability.md.
TEST(CrashPoints, TheWorkloadReachesEveryKindOfStep) {
  const TempDir dir;
  Trace trace;
  const int status = RunSteps(dir.path(), trace, 0);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kFinished) << status;
  std::set<std::string> areas;
  for (const std::string& point : PointsIn(trace)) {
    areas.insert(point.substr(0, point.find('.')));
  }
  EXPECT_EQ(areas, (std::set<std::string>{
                       "check", "migrate", "publish", "quarantine", "rebuild",
                       "recovery", "remove", "repair", "stage", "trash"}));
}

TEST(CrashPoints, EveryPointThenEveryPointOfTheRecovery) {
  int points = 0;
  int pairs = 0;
  std::set<std::string> first_names;
  std::set<std::string> second_names;
  for (int first = 1;; ++first) {
    bool first_reached = true;
    for (int second = 1;; ++second) {
      const TempDir dir;
      Trace trace;
      const int died = RunSteps(dir.path(), trace, first);
      if (!Killed(died)) {
        ASSERT_TRUE(WIFEXITED(died) && WEXITSTATUS(died) == kFinished) << died;
        first_reached = false;
        break;
      }
      const std::string at = PointsIn(trace).back();
      first_names.insert(at);
      const std::vector<TraceOp> told = trace.Read();
      const int again = RunRecovery(dir.path(), trace, second);
      const std::string then = PointsIn(trace).back();
      ASSERT_TRUE(Killed(again) ||
                  (WIFEXITED(again) && WEXITSTATUS(again) == kFinished))
          << at << " (" << first << "), then " << then << ": " << again;
      ++pairs;
      const std::string broken = AfterRecovery(dir.path(), trace);
      ASSERT_EQ(broken, "")
          << at << " (" << first << "), then "
          << (Killed(again) ? then : "none") << " (" << second << ")";
      if (!Killed(again)) {
        break;
      }
      second_names.insert(then);
    }
    if (!first_reached) {
      break;
    }
    ++points;
  }
  std::printf("%d points hit (%zu names), %d pairs (%zu names in recovery)\n",
              points, first_names.size(), pairs, second_names.size());
  EXPECT_GT(points, 60);
  EXPECT_GT(pairs, 2 * points);
}

}  // namespace
}  // namespace bottled::testing
