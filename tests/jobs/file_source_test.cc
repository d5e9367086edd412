#include "jobs/file_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

class FileSourceTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = (dir_.path() / name).string();
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  absl::Status OpenError(const std::string& path) {
    return FileSource::Open(path, "", cancel_.token()).status();
  }

  testing::TempDir dir_;
  CancelSource cancel_;
};

TEST_F(FileSourceTest, GivesTheWholeFile) {
  std::string content;
  for (int i = 0; content.size() < 3'000'000; ++i) {
    content += std::to_string(i);
  }
  const std::string path = Write("a.tar", content);
  auto source = FileSource::Open(path, "", cancel_.token());
  ASSERT_TRUE(source.ok()) << source.status();
  std::string read;
  while (true) {
    const auto block = (*source)->Next();
    ASSERT_TRUE(block.ok()) << block.status();
    if (block->empty()) {
      break;
    }
    read += *block;
  }
  EXPECT_EQ(read, content);
  EXPECT_TRUE((*source)->Next()->empty());
  EXPECT_EQ((*source)->identity().size, static_cast<int64_t>(content.size()));
}

TEST_F(FileSourceTest, OnlyRegularFilesAreArchives) {
  EXPECT_TRUE(HasReason(OpenError((dir_.path() / "none").string()),
                        "ARCHIVE_NOT_FOUND"));
  EXPECT_TRUE(
      HasReason(OpenError(Write("f", "") + "/below"), "ARCHIVE_NOT_FOUND"));
  EXPECT_TRUE(HasReason(OpenError(dir_.path().string()), "ARCHIVE_NOT_A_FILE"));
  EXPECT_TRUE(HasReason(OpenError("/dev/zero"), "ARCHIVE_NOT_A_FILE"));
  const std::string fifo = (dir_.path() / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  // Would block for ever if it were opened for reading.
  EXPECT_TRUE(HasReason(OpenError(fifo), "ARCHIVE_NOT_A_FILE"));
}

TEST_F(FileSourceTest, ForbiddenFilesSaySo) {
  if (::geteuid() == 0) {
    GTEST_SKIP() << "root may read everything";
  }
  const std::string path = Write("secret", "x");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  EXPECT_TRUE(HasReason(OpenError(path), "PERMISSION_DENIED"));
}

TEST_F(FileSourceTest, StopsAtTheNextBlockWhenCancelled) {
  const std::string path = Write("a.tar", std::string(3 << 20, 'x'));
  auto source = FileSource::Open(path, "", cancel_.token());
  ASSERT_TRUE(source.ok());
  ASSERT_TRUE((*source)->Next().ok());
  cancel_.Cancel();
  EXPECT_EQ((*source)->Next().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(OpenError(path).code(), absl::StatusCode::kCancelled);
}

TEST_F(FileSourceTest, EveryChangeChangesTheIdentity) {
  const std::string path = Write("a.tar", "one");
  const auto before = FileSource::Open(path, "ref", cancel_.token());
  ASSERT_TRUE(before.ok());
  const ArchiveIdentity identity = (*before)->identity();
  EXPECT_EQ(identity.path, path);
  EXPECT_EQ(identity.reference, "ref");
  EXPECT_TRUE(SameFile(identity, *IdentifyArchive(path, "ref")));

  // Same size, at once, and with the old modification time put back.
  Write("a.tar", "two");
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                             {.tv_sec = identity.mtime_ns / 1'000'000'000,
                              .tv_nsec = identity.mtime_ns % 1'000'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  const ArchiveIdentity after = *IdentifyArchive(path, "ref");
  EXPECT_EQ(after.mtime_ns, identity.mtime_ns);
  EXPECT_FALSE(SameFile(identity, after));
}

}  // namespace
}  // namespace bottled
