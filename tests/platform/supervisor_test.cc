#include "platform/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "platform/pipe.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

// A supervisor in a fork of this process, with `sh -c SCRIPT` below it.
class Supervised {
 public:
  explicit Supervised(const std::string& script,
                      const std::string& program = "/bin/sh",
                      const char* flag = kSuperviseFlag) {
    Pipe lifeline = MakePipe().value();
    Pipe output = MakePipe().value();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(output.write.get(), 1);
      // High first: the pipe may have this very number.
      const int copy = ::fcntl(lifeline.read.get(), F_DUPFD, 100);
      ::dup2(copy, kLifelineFd);
      // As a spawned supervisor has no other descriptor.
      for (int fd = kLifelineFd + 1; fd < 200; ++fd) {
        ::close(fd);
      }
      const std::vector<const char*> argv = {"bottled", flag, program.c_str(),
                                             "sh",      "-c", script.c_str(),
                                             nullptr};
      ::_exit(Supervise(static_cast<int>(argv.size()) - 1, argv.data()));
    }
    lifeline_ = std::move(lifeline.write);
    output_ = std::move(output.read);
  }
  ~Supervised() {
    if (pid_ > 0) {
      ::kill(pid_, SIGUSR1);
      Wait();
    }
  }
  Supervised(const Supervised&) = delete;
  Supervised& operator=(const Supervised&) = delete;

  void DropLifeline() { lifeline_.Reset(); }
  void Kill() { ::kill(pid_, SIGUSR1); }
  pid_t pid() const { return pid_; }

  // A line of what the script prints; "" at the end.
  std::string Line() {
    std::string line;
    char c = 0;
    while (::read(output_.get(), &c, 1) == 1 && c != '\n') {
      line += c;
    }
    return line;
  }
  // As of waitpid(2).
  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  Fd lifeline_;
  Fd output_;
};

bool IsGone(const std::string& pid) {
  return ::kill(std::stoi(pid), 0) != 0 && errno == ESRCH;
}

TEST(Supervisor, EndsAsItsProgramEnds) {
  EXPECT_EQ(Supervised("exit 7").Wait(), 7 << 8);
  EXPECT_EQ(Supervised("kill -9 $$").Wait(), SIGKILL);
  EXPECT_EQ(Supervised("kill -15 $$").Wait(), SIGTERM);
  EXPECT_EQ(Supervised("", "/nonexistent").Wait(), 127 << 8);
}

TEST(Supervisor, PassesTheStreamsOnAndKeepsNone) {
  Supervised shell("echo out; exec >&-; sleep 600");
  EXPECT_EQ(shell.Line(), "out");
  EXPECT_EQ(shell.Line(), "") << "the script closed its end, the only one";
}

TEST(Supervisor, KeepsOurUmaskUnlessToldOtherwise) {
  const mode_t mask = ::umask(0077);
  Supervised ours("umask");
  Supervised open("umask", "/bin/sh", kSupervisePublicFlag);
  ::umask(mask);
  EXPECT_EQ(ours.Line(), "0077");
  EXPECT_EQ(open.Line(), "0022");
}

TEST(Supervisor, NothingIsLeftOfAProgramThatEnded) {
  Supervised shell(
      "setsid sh -c 'sleep 600 & echo $!; echo $$; wait' & sleep 0.2; exit 0");
  const std::string grandchild = shell.Line();
  const std::string child = shell.Line();
  EXPECT_EQ(shell.Wait(), 0);
  EXPECT_TRUE(IsGone(grandchild));
  EXPECT_TRUE(IsGone(child));
}

TEST(Supervisor, TheEndOfTheLifelineIsATermination) {
  const TempDir dir;
  const std::string mark = (dir / "mark").string();
  Supervised shell("trap 'echo bye >" + mark +
                   "; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
  EXPECT_EQ(shell.Line(), "ready");
  shell.DropLifeline();
  EXPECT_EQ(shell.Wait(), 3 << 8);
  std::string text;
  std::getline(std::ifstream(mark), text);
  EXPECT_EQ(text, "bye");
}

TEST(Supervisor, WhatIgnoresTheTerminationIsKilled) {
  Supervised shell(
      "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$; sleep 600' & "
      "echo $!; wait; sleep 600");
  const std::string first = shell.Line();
  const std::string second = shell.Line();
  shell.DropLifeline();
  EXPECT_EQ(shell.Wait(), SIGKILL);
  EXPECT_TRUE(IsGone(first));
  EXPECT_TRUE(IsGone(second));
}

TEST(Supervisor, AStoppedProgramEndsToo) {
  Supervised shell("echo $$; kill -STOP $$; sleep 600");
  const std::string pid = shell.Line();
  shell.DropLifeline();
  EXPECT_EQ(shell.Wait(), SIGTERM);
  EXPECT_TRUE(IsGone(pid));
}

TEST(Supervisor, ASignalKillsAllAtOnce) {
  // The last one in place of the shell, which would see its child's end and
  // could end by itself before its turn.
  Supervised shell(
      "trap '' TERM; (trap '' TERM; setsid sleep 600) & echo ready; "
      "exec sleep 600");
  EXPECT_EQ(shell.Line(), "ready");
  // The group's signals are the program's.
  ::kill(shell.pid(), SIGTERM);
  ::kill(shell.pid(), SIGINT);
  shell.Kill();
  EXPECT_EQ(shell.Wait(), SIGKILL);
}

TEST(Supervisor, KnowsItsCommandLine) {
  const char* yes[] = {"bottled", "--supervise", "/bin/true", "true"};
  const char* no[] = {"bottled", "--supervise", "/bin/true"};
  const char* open[] = {"bottled", "--supervise-public", "/bin/true", "true"};
  const char* other[] = {"bottled", "--config", "a", "b"};
  EXPECT_TRUE(IsSupervisor(4, yes));
  EXPECT_TRUE(IsSupervisor(4, open));
  EXPECT_FALSE(IsSupervisor(3, no));
  EXPECT_FALSE(IsSupervisor(4, other));
}

}  // namespace
}  // namespace bottled
