#include "platform/instance_lock.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/file.h"
#include "platform/process.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(InstanceLock, SecondHolderIsToldAboutTheFirst) {
  const TempDir dir;
  const auto first = InstanceLock::Acquire(dir / "LOCK", "1.2.3");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = InstanceLock::Acquire(dir / "LOCK", "9.9.9");
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(HasReason(second.status(), "ALREADY_RUNNING"));
  const std::string message(second.status().message());
  EXPECT_THAT(message, HasSubstr("pid " + std::to_string(::getpid())));
  EXPECT_THAT(message, HasSubstr("1.2.3"));
}

TEST(InstanceLock, IsFreeAgainAfterRelease) {
  const TempDir dir;
  struct stat before = {};
  {
    const auto first =
        InstanceLock::Acquire(dir / "LOCK", "a much longer version");
    ASSERT_TRUE(first.ok()) << first.status();
    ASSERT_EQ(::stat((dir / "LOCK").c_str(), &before), 0);
    EXPECT_EQ(before.st_mode & 07777, 0600U);
  }
  const auto second = InstanceLock::Acquire(dir / "LOCK", "2");
  ASSERT_TRUE(second.ok()) << second.status();
  struct stat after = {};
  ASSERT_EQ(::stat((dir / "LOCK").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino) << "never unlinked";
  const auto text = ReadSmallFile(dir / "LOCK", 1000);
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, Not(HasSubstr("longer"))) << "no rest of the old text";
}

TEST(InstanceLock, MovesWithItsObject) {
  const TempDir dir;
  std::optional<InstanceLock> kept;
  {
    auto lock = InstanceLock::Acquire(dir / "LOCK", "1");
    ASSERT_TRUE(lock.ok());
    kept = *std::move(lock);
  }
  EXPECT_FALSE(InstanceLock::Acquire(dir / "LOCK", "1").ok());
  kept.reset();
  EXPECT_TRUE(InstanceLock::Acquire(dir / "LOCK", "1").ok());
}

TEST(InstanceLock, DiesWithItsProcess) {
  const TempDir dir;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto lock = InstanceLock::Acquire(dir / "LOCK", "child");
    const char result = lock.ok() ? 'y' : 'n';
    const ssize_t put = ::write(ready[1], &result, 1);
    while (put == 1) {
      ::pause();
    }
    ::_exit(1);
  }
  char result = '?';
  ASSERT_EQ(::read(ready[0], &result, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  ASSERT_EQ(result, 'y');
  const auto refused = InstanceLock::Acquire(dir / "LOCK", "parent");
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("pid " + std::to_string(pid)));
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_TRUE(InstanceLock::Acquire(dir / "LOCK", "parent").ok());
}

TEST(InstanceLock, IsNotHeldByAChildThatOutlivesIt) {
  const TempDir dir;
  std::optional<Process> child;
  {
    const auto lock = InstanceLock::Acquire(dir / "LOCK", "1");
    ASSERT_TRUE(lock.ok());
    auto started = Process::Start(
        {.argv = {"sleep", "600"}, .env = {"PATH=/usr/bin:/bin"}});
    ASSERT_TRUE(started.ok()) << started.status();
    child = *std::move(started);
  }
  EXPECT_TRUE(InstanceLock::Acquire(dir / "LOCK", "2").ok());
}

TEST(InstanceLock, HostileTextInTheFileIsMadePrintable) {
  const TempDir dir;
  const auto first =
      InstanceLock::Acquire(dir / "LOCK", "1\x1b[31m\nforged line");
  ASSERT_TRUE(first.ok());
  const auto second = InstanceLock::Acquire(dir / "LOCK", "2");
  EXPECT_THAT(std::string(second.status().message()), Not(HasSubstr("\x1b")));
  EXPECT_THAT(std::string(second.status().message()), Not(HasSubstr("\n")));
}

TEST(InstanceLock, RefusesALinkAndAMissingDirectory) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "victim", "data", 0600).ok());
  ASSERT_EQ(::symlink("victim", (dir / "LOCK").c_str()), 0);
  EXPECT_FALSE(InstanceLock::Acquire(dir / "LOCK", "1").ok());
  EXPECT_EQ(*ReadSmallFile(dir / "victim", 10), "data");
  EXPECT_TRUE(HasReason(InstanceLock::Acquire(dir / "no/LOCK", "1").status(),
                        "NOT_FOUND"));
}

}  // namespace
}  // namespace bottled
