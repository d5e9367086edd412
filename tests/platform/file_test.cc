#include "platform/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/mode_of.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(ReadSmallFile, ReadsUpToTheLimit) {
  const TempDir dir;
  const std::string content(40000, 'x');
  ASSERT_TRUE(WriteFileAtomic(dir / "f", content, 0600).ok());
  EXPECT_EQ(*ReadSmallFile(dir / "f", 40000), content);
  EXPECT_EQ(*ReadSmallFile(dir / "f", 1 << 20), content);
  const auto result = ReadSmallFile(dir / "f", 39999);
  EXPECT_TRUE(HasReason(result.status(), "FILE_TOO_LARGE"));
  ASSERT_TRUE(WriteFileAtomic(dir / "e", "", 0600).ok());
  EXPECT_EQ(*ReadSmallFile(dir / "e", 0), "");
}

TEST(ReadSmallFile, RefusesWhatIsNoRegularFile) {
  const TempDir dir;
  EXPECT_TRUE(HasReason(ReadSmallFile(dir / "none", 10).status(), "NOT_FOUND"));
  EXPECT_THAT(Message(ReadSmallFile(dir / "none", 10).status()),
              HasSubstr((dir / "none").native()));
  EXPECT_TRUE(
      HasReason(ReadSmallFile(dir.path(), 10).status(), "NOT_A_REGULAR_FILE"));
  // Must not wait for a writer.
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(HasReason(ReadSmallFile(dir / "fifo", 10).status(),
                        "NOT_A_REGULAR_FILE"));
}

TEST(WriteFileAtomic, SetsContentAndModeWhateverTheUmask) {
  const TempDir dir;
  const mode_t old = ::umask(0177);
  const absl::Status status = WriteFileAtomic(dir / "f", "one", 0644);
  ::umask(old);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ModeOf(dir / "f"), 0644U);
  ASSERT_TRUE(WriteFileAtomic(dir / "f", "second", 0400).ok());
  EXPECT_EQ(*ReadSmallFile(dir / "f", 100), "second");
  EXPECT_EQ(ModeOf(dir / "f"), 0400U);
  EXPECT_THAT(*ListDir(dir.path()), ElementsAre("f"));
}

TEST(WriteFileAtomic, TakesTheLongestName) {
  const TempDir dir;
  const std::string name(255, 'n');
  ASSERT_TRUE(WriteFileAtomic(dir / name, "x", 0600).ok());
  EXPECT_THAT(*ListDir(dir.path()), ElementsAre(name));
}

TEST(WriteFileAtomic, LeavesNothingBehindWhenItFails) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "d");
  EXPECT_FALSE(WriteFileAtomic(dir / "d", "x", 0600).ok());
  EXPECT_THAT(*ListDir(dir.path()), ElementsAre("d"));
  EXPECT_TRUE(HasReason(WriteFileAtomic(dir / "no/f", "x", 0600), "NOT_FOUND"));
}

TEST(WriteFileAtomic, KeepsTheOldContentWhenTheNewDoesNotFit) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "f", "old", 0600).ok());
  rlimit old = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small = {4096, old.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status =
      WriteFileAtomic(dir / "f", std::string(100000, 'x'), 0600);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(*ReadSmallFile(dir / "f", 100), "old");
  EXPECT_THAT(*ListDir(dir.path()), ElementsAre("f"));
}

TEST(WriteFileAtomic, ReadersNeverSeeAMixture) {
  const TempDir dir;
  const std::string a(20000, 'a');
  const std::string b(30000, 'b');
  ASSERT_TRUE(WriteFileAtomic(dir / "f", a, 0600).ok());
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_TRUE(WriteFileAtomic(dir / "f", i % 2 == 0 ? b : a, 0600).ok());
    }
  });
  for (int i = 0; i < 200; ++i) {
    const auto content = ReadSmallFile(dir / "f", 1 << 20);
    ASSERT_TRUE(content.ok()) << content.status();
    EXPECT_TRUE(*content == a || *content == b);
  }
  writer.join();
}

TEST(WriteAll, WritesThroughAPipeInPieces) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Fd in(ends[0]);
  Fd out(ends[1]);
  const std::string data(1 << 20, 'p');
  std::string got;
  std::thread reader([&] {
    char buffer[5000];
    ssize_t n = 0;
    while ((n = ::read(in.get(), buffer, sizeof(buffer))) > 0) {
      got.append(buffer, static_cast<size_t>(n));
    }
  });
  EXPECT_TRUE(WriteAll(out.get(), data).ok());
  out.Reset();
  reader.join();
  EXPECT_EQ(got, data);
}

TEST(WriteAll, ReportsAFullDisk) {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (!full.valid()) {
    if (::getenv("CI") != nullptr) {
      FAIL() << "this system has no /dev/full";
    }
    GTEST_SKIP() << "this system has no /dev/full";
  }
  EXPECT_TRUE(HasReason(WriteAll(full.get(), "x"), "NO_SPACE"));
  EXPECT_FALSE(WriteAll(-1, "x").ok());
  EXPECT_TRUE(WriteAll(-1, "").ok());
}

TEST(PreadAll, ReadsExactlyOrFails) {
  const TempDir dir;
  const auto file = OpenUnnamedFile(dir.path());
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(PwriteAll(file->get(), "world", 6).ok());
  ASSERT_TRUE(PwriteAll(file->get(), "hello ", 0).ok());
  std::string out(11, '?');
  ASSERT_TRUE(PreadAll(file->get(), out, 0).ok());
  EXPECT_EQ(out, "hello world");
  const absl::Status status = PreadAll(file->get(), out, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(HasReason(status, "FILE_TRUNCATED"));
  EXPECT_FALSE(PreadAll(file->get(), out, -1).ok());
  EXPECT_FALSE(PwriteAll(file->get(), "x", -1).ok());
}

TEST(OpenUnnamedFile, HasNoName) {
  const TempDir dir;
  const auto file = OpenUnnamedFile(dir.path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(*ListDir(dir.path()), IsEmpty());
  EXPECT_NE(::fcntl(file->get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(HasReason(OpenUnnamedFile(dir / "none").status(), "NOT_FOUND"));
}

TEST(RenameNoReplace, NeverReplaces) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "a", "a", 0600).ok());
  ASSERT_TRUE(WriteFileAtomic(dir / "b", "b", 0600).ok());
  const absl::Status status = RenameNoReplace(dir / "a", dir / "b");
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadSmallFile(dir / "a", 10), "a");
  EXPECT_EQ(*ReadSmallFile(dir / "b", 10), "b");
  EXPECT_TRUE(RenameNoReplace(dir / "a", dir / "c").ok());
  EXPECT_THAT(*ListDir(dir.path()), ElementsAre("b", "c"));
  EXPECT_TRUE(HasReason(RenameNoReplace(dir / "a", dir / "d"), "NOT_FOUND"));
}

TEST(Sync, FilesAndDirectories) {
  const TempDir dir;
  const auto file = OpenUnnamedFile(dir.path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(SyncFd(file->get(), "file").ok());
  EXPECT_TRUE(SyncDir(dir.path()).ok());
  EXPECT_THAT(Message(SyncFd(-1, "sync it")), HasSubstr("sync it"));
  EXPECT_TRUE(HasReason(SyncDir(dir / "none"), "NOT_FOUND"));
  ASSERT_TRUE(WriteFileAtomic(dir / "f", "", 0600).ok());
  EXPECT_FALSE(SyncDir(dir / "f").ok());
}

TEST(FreeBytes, IsPositiveAndNamesThePath) {
  const TempDir dir;
  const auto free = FreeBytes(dir.path());
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_GT(*free, 0);
  EXPECT_THAT(Message(FreeBytes(dir / "none").status()), HasSubstr("none"));
}

}  // namespace
}  // namespace bottled
