// One connection to the index per process, and no other way to its files
// (reliability.md, test 11): closing any descriptor of a database drops the
// locks of SQLite's.
#include <string>

#include "fault/trace.h"
#include "fault/workload.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/fault_vfs.h"
#include "store/store_env.h"

namespace bottled::testing {
namespace {

TEST(OneConnection, IsOpenedOnceAndNothingElseOpensTheFile) {
  const TempDir dir;
  Recorder recorder(nullptr, dir.path().native());
  int calls_of_ours = 0;
  recorder.set_fail([&](FaultCall& call) {
    const bool opens = call.op == FaultOp::kOpen || call.op == FaultOp::kCreate;
    const bool by_sqlite =
        std::string_view(call.site.file_name()).ends_with("fault_vfs.cc");
    calls_of_ours +=
        opens && !by_sqlite && call.path.find("bottled.db") != std::string::npos
            ? 1
            : 0;
    return 0;
  });
  const Observed observed(recorder);
  StoreEnv env(dir.path());
  const int before = FaultVfsOpens();
  ASSERT_TRUE(env.Start().ok());
  int number = 0;
  for (const Step& step : FixedSteps()) {
    // Those that restart open it once more, rightly.
    if (step.kind != Step::kForeign && step.kind != Step::kRestart) {
      ASSERT_TRUE(RunStep(env, step, ++number, nullptr).ok());
    }
  }
  EXPECT_EQ(FaultVfsOpens() - before, 1);
  EXPECT_EQ(calls_of_ours, 0);
}

}  // namespace
}  // namespace bottled::testing
