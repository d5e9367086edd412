#include "platform/run_program.h"

#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "gtest/gtest.h"
#include "platform/pipe.h"

namespace bottled {
namespace {

RunSpec Script(const std::string& text) {
  return {.argv = {"sh", "-c", text},
          .env = {"PATH=/usr/bin:/bin"},
          .limit = std::chrono::seconds(60),
          .max_bytes = 1 << 20};
}

TEST(RunProgram, ReturnsBothOutputsAndTheStatus) {
  const auto output = RunProgram(Script("echo out; echo err >&2; exit 7"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->out, "out\n");
  EXPECT_EQ(output->err, "err\n");
  EXPECT_EQ(output->exit_code, 7);
  EXPECT_EQ(output->signal, 0);
}

TEST(RunProgram, TellsOfSignals) {
  const auto output = RunProgram(Script("kill -9 $$"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->exit_code, -1);
  EXPECT_EQ(output->signal, 9);
}

TEST(RunProgram, ReadsMoreThanPipesHold) {
  const auto output = RunProgram(
      Script("head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->out.size(), 300000U);
  EXPECT_EQ(output->err.size(), 200000U);
}

TEST(RunProgram, ClosedOutputsAreNotTheEnd) {
  const auto output = RunProgram(Script("exec >&- 2>&-; sleep 0.1; exit 3"));
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->exit_code, 3);
}

TEST(RunProgram, ItsGroupIsGoneAndNotWaitedFor) {
  const auto output = RunProgram(Script("sleep 600 & echo $!"));
  ASSERT_TRUE(output.ok()) << output.status();
  // Its parent is gone: init may need a moment to reap it.
  const pid_t grandchild = std::stoi(output->out);
  for (int i = 0; i < 1000 && ::kill(grandchild, 0) == 0; ++i) {
    const auto state = RunProgram(
        Script("cut -d' ' -f3 /proc/" + std::to_string(grandchild) + "/stat"));
    if (state.ok() && (state->out == "Z\n" || state->exit_code != 0)) {
      return;
    }
    ::usleep(10'000);
  }
  EXPECT_NE(::kill(grandchild, 0), 0);
}

TEST(RunProgram, HasItsBounds) {
  RunSpec slow = Script("sleep 600");
  slow.limit = std::chrono::milliseconds(30);
  EXPECT_TRUE(HasReason(RunProgram(slow).status(), "PROGRAM_TOO_SLOW"));
  for (const char* text : {"yes", "yes >&2"}) {
    RunSpec loud = Script(text);
    loud.max_bytes = 1000;
    EXPECT_TRUE(HasReason(RunProgram(loud).status(), "PROGRAM_TOO_LOUD"));
  }
}

TEST(RunProgram, EndsWhenItIsCancelled) {
  CancelSource source;
  RunSpec spec = Script("sleep 600");
  spec.cancel = source.token();
  source.Cancel();
  EXPECT_TRUE(absl::IsCancelled(RunProgram(spec).status()));
  Pipe pipe = MakePipe().value();
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
  RunSpec interrupted = Script("sleep 600");
  interrupted.interrupt_fd = pipe.read.get();
  EXPECT_TRUE(absl::IsCancelled(RunProgram(interrupted).status()));
}

TEST(RunProgram, NoSuchProgram) {
  RunSpec spec = Script("");
  spec.argv = {"no-such-program"};
  EXPECT_TRUE(HasReason(RunProgram(spec).status(), "PROGRAM_NOT_FOUND"));
}

}  // namespace
}  // namespace bottled
