#include "platform/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/find_program.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

const char* const kPath = "PATH=/usr/bin:/bin";

struct TestPipe {
  TestPipe() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    in = Fd(ends[0]);
    out = Fd(ends[1]);
    ::fcntl(in.get(), F_SETFD, FD_CLOEXEC);
    ::fcntl(out.get(), F_SETFD, FD_CLOEXEC);
  }
  Fd in;
  Fd out;
};

std::string ReadToEnd(const Fd& fd) {
  std::string text;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(fd.get(), buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

std::string ReadLine(const Fd& fd) {
  std::string line;
  char c = 0;
  while (::read(fd.get(), &c, 1) == 1 && c != '\n') {
    line.push_back(c);
  }
  return line;
}

int Wait(Process& process) {
  int status = 0;
  while (!process.TryWait(&status)) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  return status;
}

// Runs to the end; the text is what came on stdout.
std::string Output(ProcessSpec spec) {
  TestPipe pipe;
  spec.stdout_fd = pipe.out.get();
  auto process = Process::Start(spec);
  if (!process.ok()) {
    return process.status().ToString();
  }
  pipe.out.Reset();
  std::string text = ReadToEnd(pipe.in);
  Wait(*process);
  return text;
}

bool Alive(pid_t pid) { return ::kill(pid, 0) == 0; }

TEST(Process, PassesArgumentsAndOnlyTheGivenEnvironment) {
  ::setenv("BOTTLED_TEST_SECRET", "x", 1);
  EXPECT_EQ(Output({.argv = {"printf", "%s|", "a b", "", "$HOME", "*"},
                    .env = {kPath}}),
            "a b||$HOME|*|");
  EXPECT_EQ(Output({.argv = {"env"}, .env = {kPath, "A=1", "B="}}),
            std::string(kPath) + "\nA=1\nB=\n");
  ::unsetenv("BOTTLED_TEST_SECRET");
}

TEST(Process, ReportsHowItEnded) {
  const auto status_of = [](const char* script) {
    auto process =
        Process::Start({.argv = {"sh", "-c", script}, .env = {kPath}});
    EXPECT_TRUE(process.ok()) << process.status();
    return Wait(*process);
  };
  int status = status_of("exit 0");
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  status = status_of("exit 200");
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 200);
  status = status_of("kill -USR1 $$");
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

TEST(Process, StandardDescriptorsAreNullUnlessGiven) {
  EXPECT_EQ(Output({.argv = {"sh", "-c", "cat; echo end; echo x >&2"},
                    .env = {kPath}}),
            "end\n");
  TestPipe in;
  TestPipe out;
  auto process =
      Process::Start({.argv = {"sh", "-c", "cat; cat >&2 </dev/null"},
                      .env = {kPath},
                      .stdin_fd = in.in.get(),
                      .stdout_fd = out.out.get(),
                      .stderr_fd = out.out.get()});
  ASSERT_TRUE(process.ok()) << process.status();
  out.out.Reset();
  ASSERT_TRUE(WriteAll(in.out.get(), "through").ok());
  in.out.Reset();
  EXPECT_EQ(ReadToEnd(out.in), "through");
}

TEST(Process, ClosesEveryOtherDescriptor) {
  // Deliberately inheritable, at low and at high numbers.
  const Fd low(::open("/dev/null", O_RDONLY));
  const Fd high(::fcntl(low.get(), F_DUPFD, 700));
  ASSERT_GE(high.get(), 700);
  EXPECT_EQ(Output({.argv = {"sh", "-c",
                             "for n in 3 4 5 6 7 8 9 10 700; do"
                             " [ -e /dev/fd/$n ] && echo $n; done"},
                    .env = {kPath}}),
            "");
}

TEST(Process, GivenDescriptorsMayHaveLowNumbersInAnyOrder) {
  // In a child of ours, as the test's own 0, 1 and 2 are at stake.
  TestPipe pipe;
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int null = ::open("/dev/null", O_RDONLY);
    // 0 is the pipe's end, 2 is /dev/null, and both change places.
    ::dup2(pipe.out.get(), 0);
    ::dup2(null, 2);
    auto process = Process::Start({.argv = {"sh", "-c", "echo out; cat"},
                                   .env = {kPath},
                                   .stdin_fd = 2,
                                   .stdout_fd = 0,
                                   .stderr_fd = 0});
    ::_exit(process.ok() && Wait(*process) == 0 ? 0 : 1);
  }
  pipe.out.Reset();
  EXPECT_EQ(ReadToEnd(pipe.in), "out\n");
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(Process, HasDefaultSignalsAndAGroup) {
  sigset_t block;
  sigemptyset(&block);
  sigaddset(&block, SIGTERM);
  sigset_t old_mask;
  ::pthread_sigmask(SIG_BLOCK, &block, &old_mask);
  const auto old_pipe = ::signal(SIGPIPE, SIG_IGN);
  const auto old_usr1 = ::signal(SIGUSR1, SIG_IGN);
  auto process = Process::Start(
      {.argv = {"sh", "-c", "kill -TERM $$; sleep 600"}, .env = {kPath}});
  auto second = Process::Start(
      {.argv = {"sh", "-c", "kill -USR1 $$; sleep 600"}, .env = {kPath}});
  ::pthread_sigmask(SIG_SETMASK, &old_mask, nullptr);
  ::signal(SIGPIPE, old_pipe);
  ::signal(SIGUSR1, old_usr1);
  ASSERT_TRUE(process.ok() && second.ok());
  EXPECT_EQ(::getpgid(process->pid()), process->pid());
  EXPECT_EQ(::getsid(process->pid()), ::getsid(0));
  int status = Wait(*process);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
  status = Wait(*second);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1) << status;
}

TEST(Process, MayHaveASessionOfItsOwn) {
  auto process = Process::Start(
      {.argv = {"sleep", "600"}, .env = {kPath}, .new_session = true});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(::getsid(process->pid()), process->pid());
  EXPECT_EQ(::getpgid(process->pid()), process->pid());
}

TEST(Process, RunsWhereItIsTold) {
  const TempDir dir;
  const std::string here = std::filesystem::canonical(dir.path()).native();
  EXPECT_EQ(Output({.argv = {"pwd"}, .env = {kPath}, .working_dir = here}),
            here + "\n");
  EXPECT_EQ(Output({.argv = {"pwd"}, .env = {kPath}}),
            std::filesystem::current_path().native() + "\n");
}

TEST(Process, WorkingDirectoriesThatCannotBe) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "file", "", 0700).ok());
  const auto start = [](const std::string& where) {
    return Process::Start(
               {.argv = {"true"}, .env = {kPath}, .working_dir = where})
        .status();
  };
  for (const std::string& where :
       {std::string("relative"), std::string("./"), std::string("/a\0b", 4)}) {
    EXPECT_TRUE(HasReason(start(where), "BAD_COMMAND")) << where;
  }
  EXPECT_THAT(start((dir / "absent").native()).ToString(),
              HasSubstr((dir / "absent").native()));
  EXPECT_FALSE(start((dir / "file").native()).ok());
  EXPECT_TRUE(HasReason(
      Process::Start(
          {.argv = {dir / "absent"}, .env = {kPath}, .working_dir = dir.path()})
          .status(),
      "PROGRAM_NOT_FOUND"));
}

TEST(Process, UnknownPrograms) {
  const TempDir dir;
  for (const std::string& name :
       {std::string("bottled-no-such-program"), std::string("/no/such/program"),
        (dir / "absent").native()}) {
    const auto process = Process::Start({.argv = {name}, .env = {kPath}});
    EXPECT_TRUE(HasReason(process.status(), "PROGRAM_NOT_FOUND")) << name;
    EXPECT_THAT(std::string(process.status().message()), HasSubstr(name));
  }
  EXPECT_TRUE(
      HasReason(Process::Start({.argv = {"sh"}}).status(), "PROGRAM_NOT_FOUND"))
      << "no PATH in the given environment";
  ASSERT_TRUE(WriteFileAtomic(dir / "text", "not a program", 0600).ok());
  EXPECT_TRUE(HasReason(Process::Start({.argv = {dir / "text"}}).status(),
                        "PERMISSION_DENIED"));
}

TEST(Process, NoShellRunsAFileWithoutAFormat) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "script", "touch \"$0.ran\"\n", 0700).ok());
  EXPECT_FALSE(Process::Start({.argv = {dir / "script"}, .env = {kPath}}).ok());
  EXPECT_FALSE(std::filesystem::exists(dir / "script.ran"));
}

TEST(Process, MalformedSpecs) {
  const std::string nul("a\0b", 3);
  EXPECT_TRUE(HasReason(Process::Start({}).status(), "BAD_COMMAND"));
  EXPECT_TRUE(
      HasReason(Process::Start({.argv = {""}}).status(), "BAD_COMMAND"));
  EXPECT_TRUE(HasReason(
      Process::Start({.argv = {"echo", nul}, .env = {kPath}}).status(),
      "BAD_COMMAND"));
  for (const std::string& entry : {"A=" + nul, std::string("hunter2")}) {
    const auto process =
        Process::Start({.argv = {"echo"}, .env = {kPath, entry}});
    EXPECT_TRUE(HasReason(process.status(), "BAD_COMMAND"));
    EXPECT_THAT(process.status().ToString(), Not(HasSubstr("hunter2")));
  }
}

// A leader with one child; both ignore SIGTERM when told so.
ProcessSpec Family(const TestPipe& pipe, bool stubborn) {
  const std::string trap = stubborn ? "trap '' TERM; " : "";
  return {.argv = {"sh", "-c",
                   trap + "sh -c '" + (stubborn ? "trap \"\" TERM; " : "") +
                       "echo $$; while :; do sleep 1; done' & "
                       "wait; while :; do sleep 1; done"},
          .env = {kPath},
          .stdout_fd = pipe.out.get()};
}

TEST(Process, StopEndsTheWholeGroupHoweverStubborn) {
  for (const bool stubborn : {false, true}) {
    TestPipe pipe;
    auto process = Process::Start(Family(pipe, stubborn));
    ASSERT_TRUE(process.ok()) << process.status();
    pipe.out.Reset();
    EXPECT_NE(ReadLine(pipe.in), "");
    const pid_t leader = process->pid();
    process->Stop(milliseconds(stubborn ? 100 : 60000));
    EXPECT_FALSE(Alive(leader)) << "reaped";
    // The end of the file says that nobody holds the pipe any more.
    EXPECT_EQ(ReadToEnd(pipe.in), "");
    int status = 0;
    ASSERT_TRUE(process->TryWait(&status));
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), stubborn ? SIGKILL : SIGTERM);
    process->Stop(milliseconds(100));
    EXPECT_EQ(process->pid(), -1);
  }
}

TEST(Process, StopWakesAStoppedGroup) {
  auto process = Process::Start({.argv = {"sleep", "600"}, .env = {kPath}});
  ASSERT_TRUE(process.ok());
  ASSERT_EQ(::kill(process->pid(), SIGSTOP), 0);
  process->Stop(milliseconds(60000));
  int status = 0;
  ASSERT_TRUE(process->TryWait(&status));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
}

TEST(Process, StopEndsWhatALeaderLeftBehind) {
  TestPipe pipe;
  auto process =
      Process::Start({.argv = {"sh", "-c", "sleep 600 & echo $!; exit 3"},
                      .env = {kPath},
                      .stdout_fd = pipe.out.get()});
  ASSERT_TRUE(process.ok()) << process.status();
  pipe.out.Reset();
  const pid_t orphan = std::stoi(ReadLine(pipe.in));
  EXPECT_EQ(WEXITSTATUS(Wait(*process)), 3);
  EXPECT_TRUE(Alive(orphan));
  process->Stop(milliseconds(60000));
  EXPECT_EQ(ReadToEnd(pipe.in), "");
  int status = 0;
  ASSERT_TRUE(process->TryWait(&status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

TEST(Process, DestructionAndAssignmentEndIt) {
  TestPipe first;
  TestPipe second;
  {
    auto a = Process::Start({.argv = {"sleep", "600"},
                             .env = {kPath},
                             .stdout_fd = first.out.get()});
    auto b = Process::Start({.argv = {"sleep", "600"},
                             .env = {kPath},
                             .stdout_fd = second.out.get()});
    ASSERT_TRUE(a.ok() && b.ok());
    first.out.Reset();
    second.out.Reset();
    const pid_t pid = b->pid();
    *a = *std::move(b);
    EXPECT_EQ(ReadToEnd(first.in), "");
    EXPECT_EQ(a->pid(), pid);
    Process moved = *std::move(a);
    EXPECT_TRUE(Alive(pid));
  }
  EXPECT_EQ(ReadToEnd(second.in), "");
}

TEST(Process, DetachLetsItLive) {
  TestPipe pipe;
  pid_t pid = -1;
  {
    auto process = Process::Start({.argv = {"cat"},
                                   .env = {kPath},
                                   .stdin_fd = pipe.in.get(),
                                   .new_session = true});
    ASSERT_TRUE(process.ok());
    pid = process->pid();
    process->Detach();
    int status = 0;
    EXPECT_FALSE(process->TryWait(&status));
  }
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0) << "still running";
  pipe.out.Reset();
  pipe.in.Reset();
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(FindProgram, TakesTheFirstExecutableFile) {
  const TempDir dir;
  std::filesystem::create_directories(dir / "a/tool");  // A directory.
  std::filesystem::create_directories(dir / "b");
  std::filesystem::create_directories(dir / "c");
  std::filesystem::create_directories(dir / "d");
  ASSERT_TRUE(WriteFileAtomic(dir / "b/tool", "", 0600).ok());
  ASSERT_TRUE(WriteFileAtomic(dir / "c/tool", "", 0700).ok());
  ASSERT_TRUE(WriteFileAtomic(dir / "d/tool", "", 0700).ok());
  const std::string path = "PATH=relative::" + (dir / "a").native() + ":" +
                           (dir / "b").native() + ":" + (dir / "c").native() +
                           ":" + (dir / "d").native();
  EXPECT_EQ(*FindProgram("tool", {"X=1", path}), (dir / "c/tool").native());
  EXPECT_EQ(*FindProgram("/x/tool", {}), "/x/tool");
  EXPECT_EQ(*FindProgram("./tool", {}), "./tool");
  for (const std::string& other :
       {std::string("PATH="), std::string("PATH=:"), std::string("XPATH=/bin"),
        "PATH=" + (dir / "b").native()}) {
    EXPECT_TRUE(
        HasReason(FindProgram("tool", {other}).status(), "PROGRAM_NOT_FOUND"))
        << other;
  }
  EXPECT_FALSE(FindProgram("", {path}).ok());
}

}  // namespace
}  // namespace bottled
