#include "platform/process_identity.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <limits>
#include <optional>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/fd.h"

namespace bottled {
namespace {

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

TEST(ProcessIdentity, OfThisProcessStaysTheSame) {
  const auto first = ProcessIdentity(::getpid());
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(*first, "");
  EXPECT_EQ(ProcessIdentity(::getpid()), first);
}

TEST(ProcessIdentity, OfAChildStaysUntilItEnds) {
  TestChild child(JustLive);
  const pid_t pid = child.pid();
  const auto alive = ProcessIdentity(pid);
  ASSERT_TRUE(alive.has_value());
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  EXPECT_EQ(ProcessIdentity(pid), alive) << "stopped";
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  siginfo_t info = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT),
            0);
  EXPECT_EQ(ProcessIdentity(pid), std::nullopt) << "a zombie";
  child.Reap();
  EXPECT_EQ(ProcessIdentity(pid), std::nullopt);
}

TEST(ProcessIdentity, ThereIsNoneForWhatNeverWas) {
  for (const pid_t pid :
       {pid_t{0}, pid_t{-1}, pid_t{-::getpid()},
        std::numeric_limits<pid_t>::max(), std::numeric_limits<pid_t>::min()}) {
    EXPECT_EQ(ProcessIdentity(pid), std::nullopt) << pid;
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
    EXPECT_EQ(ProcessIdentity(child.pid()), std::nullopt);
    return;
  }
  struct stat first = {};
  if (::stat("/proc/1", &first) != 0 || first.st_uid == ::geteuid()) {
    GTEST_SKIP() << "process 1 is not another user's";
  }
  EXPECT_EQ(ProcessIdentity(1), std::nullopt);
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
  EXPECT_EQ(ProcessIdentity(thread_id), std::nullopt);
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
  EXPECT_TRUE(ProcessIdentity(child.pid()).has_value());
}

#endif

}  // namespace
}  // namespace bottled
