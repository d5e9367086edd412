#include "pack/frame_pool.h"

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"

namespace bottled {
namespace {

class Spool {
 public:
  Spool() {
    std::string path = testing::TempDir() + "/spool_XXXXXX";
    fd_ = mkstemp(path.data());
    unlink(path.c_str());
  }
  ~Spool() { close(fd_); }

  int fd() const { return fd_; }

  std::string Bytes(const Frame& frame) const {
    std::string bytes(frame.size, '\0');
    EXPECT_EQ(pread(fd_, bytes.data(), bytes.size(), frame.offset),
              static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

  std::string Decode(const Frame& frame) const {
    const std::string bytes = Bytes(frame);
    EXPECT_EQ(ZSTD_getFrameContentSize(bytes.data(), bytes.size()),
              frame.raw_size);
    std::string raw(frame.raw_size, '\0');
    EXPECT_EQ(
        ZSTD_decompress(raw.data(), raw.size(), bytes.data(), bytes.size()),
        raw.size());
    return raw;
  }

 private:
  int fd_;
};

// Blocks of many kinds: constant, textual, random.
std::string MakeBlock(int i) {
  std::string block;
  uint32_t state = static_cast<uint32_t>(i) * 2654435761u + 1;
  const size_t size = 1 + static_cast<size_t>(i) * 7919 % 200000;
  while (block.size() < size) {
    state = state * 1664525 + 1013904223;
    if (i % 3 == 0) {
      block += static_cast<char>('a' + i % 26);
    } else if (i % 3 == 1) {
      block += "line " + std::to_string(state % 1000) + "\n";
    } else {
      block += static_cast<char>(state >> 24);
    }
  }
  return block;
}

constexpr int kBlocks = 120;

TEST(FramePoolTest, FramesDecodeToTheirBlocks) {
  const Spool spool;
  FramePool pool({.spool_fd = spool.fd(), .threads = 3, .max_queued = 2});
  for (int i = 0; i < kBlocks; ++i) {
    const auto number = pool.Submit(MakeBlock(i), CancelToken());
    ASSERT_TRUE(number.ok());
    EXPECT_EQ(*number, i);
  }
  ASSERT_TRUE(pool.Drain(CancelToken()).ok());
  int64_t bytes = 0;
  for (int i = 0; i < kBlocks; ++i) {
    EXPECT_EQ(spool.Decode(pool.frame(i)), MakeBlock(i)) << i;
    bytes += pool.frame(i).size;
  }
  EXPECT_EQ(pool.spooled_bytes(), bytes);
}

TEST(FramePoolTest, BytesDoNotDependOnThreadsOrOrder) {
  const Spool one;
  const Spool many;
  FramePool first({.spool_fd = one.fd(), .threads = 1});
  FramePool second({.spool_fd = many.fd(), .threads = 4});
  for (int i = 0; i < kBlocks; ++i) {
    ASSERT_TRUE(first.Submit(MakeBlock(i), CancelToken()).ok());
    ASSERT_TRUE(second.Submit(MakeBlock(kBlocks - 1 - i), CancelToken()).ok());
  }
  ASSERT_TRUE(first.Drain(CancelToken()).ok());
  ASSERT_TRUE(second.Drain(CancelToken()).ok());
  for (int i = 0; i < kBlocks; ++i) {
    EXPECT_EQ(one.Bytes(first.frame(i)),
              many.Bytes(second.frame(kBlocks - 1 - i)))
        << i;
  }
}

TEST(FramePoolTest, FramesCarryAChecksum) {
  const Spool spool;
  FramePool pool({.spool_fd = spool.fd()});
  ASSERT_TRUE(pool.Submit(MakeBlock(2), CancelToken()).ok());
  ASSERT_TRUE(pool.Drain(CancelToken()).ok());
  std::string bytes = spool.Bytes(pool.frame(0));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  std::string raw(pool.frame(0).raw_size, '\0');
  EXPECT_TRUE(ZSTD_isError(
      ZSTD_decompress(raw.data(), raw.size(), bytes.data(), bytes.size())));
}

TEST(FramePoolTest, ReusesBuffers) {
  const Spool spool;
  FramePool pool({.spool_fd = spool.fd(), .threads = 1});
  EXPECT_EQ(pool.TakeBuffer().capacity(), std::string().capacity());
  ASSERT_TRUE(pool.Submit(std::string(100000, 'x'), CancelToken()).ok());
  ASSERT_TRUE(pool.Drain(CancelToken()).ok());
  const std::string buffer = pool.TakeBuffer();
  EXPECT_TRUE(buffer.empty());
  EXPECT_GE(buffer.capacity(), 100000u);
}

TEST(FramePoolTest, AFullDiskIsReported) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) {
    if (getenv("CI") != nullptr) {
      FAIL() << "/dev/full is missing";
    }
    GTEST_SKIP() << "/dev/full is missing";
  }
  FramePool pool({.spool_fd = full});
  absl::Status status;
  for (int i = 0; i < 50 && status.ok(); ++i) {
    status = pool.Submit(MakeBlock(2), CancelToken()).status();
  }
  EXPECT_TRUE(HasReason(pool.Drain(CancelToken()), "NO_SPACE"));
  EXPECT_TRUE(HasReason(pool.Submit("x", CancelToken()).status(), "NO_SPACE"));
  close(full);
}

TEST(FramePoolTest, CancellationEndsAWaitForRoom) {
  // Without workers the queue stays full for ever.
  FramePool pool({.threads = 0, .max_queued = 1});
  CancelSource source;
  ASSERT_TRUE(pool.Submit("x", source.token()).ok());
  std::thread canceller([&source] { source.Cancel(); });
  EXPECT_TRUE(
      HasReason(pool.Submit("y", source.token()).status(), "CANCELLED"));
  EXPECT_TRUE(HasReason(pool.Drain(source.token()), "CANCELLED"));
  canceller.join();
}

TEST(FramePoolTest, CanBeDroppedWithAFullQueue) {
  const Spool spool;
  FramePool pool({.spool_fd = spool.fd(), .threads = 2, .max_queued = 20});
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(pool.Submit(MakeBlock(i), CancelToken()).ok());
  }
}

}  // namespace
}  // namespace bottled
