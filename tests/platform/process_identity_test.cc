#include "platform/process_identity.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "base/sanitized.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/fd.h"

namespace bottled {
namespace {

using ::testing::Each;
using ProcessState = ProcessLook::State;

// A child that says when it is ready and then does what `body` does; killed and
// reaped at the end.
class TestChild {
 public:
  // `body` gets where to write a byte once the child is as it should be.
  explicit TestChild(void (*body)(int ready)) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      body(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    const Fd ready(ends[0]);
    char byte = 0;
    EXPECT_EQ(::read(ready.get(), &byte, 1), 1);
  }
  TestChild(const TestChild&) = delete;
  TestChild& operator=(const TestChild&) = delete;
  ~TestChild() { Reap(); }

  pid_t pid() const { return pid_; }
  void Reap() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }

 private:
  pid_t pid_ = -1;
};

void SayReady(int ready) {
  if (::write(ready, "x", 1) != 1) {
    ::_exit(1);
  }
}

[[noreturn]] void WaitForEver() {
  while (true) {
    ::pause();
  }
}

void JustLive(int ready) {
  SayReady(ready);
  WaitForEver();
}

void ExpectGone(pid_t pid, const char* why) {
  const ProcessLook look = LookAtProcess(pid);
  EXPECT_EQ(look.state, ProcessState::kGone) << pid << ": " << why;
  EXPECT_EQ(look.identity, "");
}

TEST(ProcessIdentity, OfThisProcessStaysTheSame) {
  const ProcessLook first = LookAtProcess(::getpid());
  ASSERT_EQ(first.state, ProcessState::kAlive);
  EXPECT_NE(first.identity, "");
  EXPECT_EQ(LookAtProcess(::getpid()).identity, first.identity);
}

TEST(ProcessIdentity, OfAChildStaysUntilItEnds) {
  TestChild child(JustLive);
  const pid_t pid = child.pid();
  const ProcessLook alive = LookAtProcess(pid);
  ASSERT_EQ(alive.state, ProcessState::kAlive);
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  const ProcessLook stopped = LookAtProcess(pid);
  EXPECT_EQ(stopped.state, ProcessState::kAlive);
  EXPECT_EQ(stopped.identity, alive.identity);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  siginfo_t info = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT),
            0);
  ExpectGone(pid, "a zombie");
  child.Reap();
  ExpectGone(pid, "reaped");
}

TEST(ProcessIdentity, ThereIsNoneForWhatNeverWas) {
  for (const pid_t pid :
       {pid_t{0}, pid_t{-1}, pid_t{-::getpid()},
        std::numeric_limits<pid_t>::max(), std::numeric_limits<pid_t>::min()}) {
    ExpectGone(pid, "never was");
  }
}

TEST(ProcessIdentity, ThereIsNoneForAnotherUsersProcess) {
  if (::geteuid() == 0) {
    const TestChild child([](int ready) {
      if (::setuid(65534) != 0) {
        ::_exit(1);
      }
      SayReady(ready);
      WaitForEver();
    });
    ExpectGone(child.pid(), "of another user");
    return;
  }
  struct stat first = {};
  if (::stat("/proc/1", &first) != 0 || first.st_uid == ::geteuid()) {
    GTEST_SKIP() << "process 1 is not another user's";
  }
  ExpectGone(1, "of another user");
}

#ifdef __linux__

TEST(ProcessIdentity, ThereIsNoneForAThread) {
  std::promise<pid_t> id;
  std::promise<void> asked;
  std::thread thread([&] {
    id.set_value(::gettid());
    asked.get_future().wait();
  });
  const pid_t thread_id = id.get_future().get();
  EXPECT_NE(thread_id, ::getpid());
  ExpectGone(thread_id, "a thread");
  asked.set_value();
  thread.join();
}

// Of a thread: says that it is ready once the first one is a zombie.
void* OutliveTheFirst(void* ready) {
  std::string stat;
  while (stat.find(") Z ") == std::string::npos) {
    std::ifstream file("/proc/self/stat");
    std::getline(file, stat);
  }
  SayReady(*static_cast<int*>(ready));
  WaitForEver();
}

TEST(ProcessIdentity, OfAProcessOutlivesItsFirstThread) {
  const TestChild child([](int ready) {
    // The stack of a thread that has ended stays.
    pthread_t thread = {};
    if (::pthread_create(&thread, nullptr, OutliveTheFirst, &ready) != 0) {
      ::_exit(1);
    }
    // As pthread_exit(), without unwinding the test.
    ::syscall(SYS_exit, 0);
  });
  EXPECT_EQ(LookAtProcess(child.pid()).state, ProcessState::kAlive);
}

// What pids are while no descriptor is given out from `limit` on.
std::vector<ProcessState> LookWithDescriptorsBelow(
    rlim_t limit, const std::vector<pid_t>& pids) {
  std::vector<ProcessState> states;
  rlimit old = {};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const rlimit low = {limit, old.rlim_max};
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  for (const pid_t pid : pids) {
    states.push_back(LookAtProcess(pid).state);
  }
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  return states;
}

TEST(ProcessIdentity, IsUnknownAndNotGoneWithoutDescriptors) {
  if (kUbsan) {
    GTEST_SKIP() << "UBSan itself needs descriptors to look at a vptr";
  }
  const pid_t never = std::numeric_limits<pid_t>::max();
  EXPECT_THAT(LookWithDescriptorsBelow(0, {::getpid(), never}),
              Each(ProcessState::kUnknown));
  // One is left: for the directory, but not for what is in it.
  const int lowest = ::dup(STDERR_FILENO);
  ASSERT_GE(lowest, 0);
  ::close(lowest);
  const auto one = static_cast<rlim_t>(lowest) + 1;
  EXPECT_THAT(LookWithDescriptorsBelow(one, {::getpid()}),
              Each(ProcessState::kUnknown));
  EXPECT_THAT(LookWithDescriptorsBelow(one, {never}),
              Each(ProcessState::kGone));
  EXPECT_THAT(LookWithDescriptorsBelow(one + 1, {::getpid()}),
              Each(ProcessState::kAlive));
}

#endif

}  // namespace
}  // namespace bottled
