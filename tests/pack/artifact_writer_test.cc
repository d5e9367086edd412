#include "pack/artifact_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "base/seed.h"
#include "gtest/gtest.h"
#include "pack/frame_file.h"
#include "pack/kept_tools.h"
#include "pack/pack_tools.h"
#include "platform/fd.h"

namespace bottled {
namespace {

std::string Joined(const std::vector<std::string>& pieces) {
  std::string all;
  for (const std::string& piece : pieces) {
    all += piece;
  }
  return all;
}

// Writes `pieces`; direct I/O, if any, ends before the one of that number.
void ExpectWritten(const std::filesystem::path& path,
                   const std::vector<std::string>& pieces, bool direct,
                   size_t end_direct_at) {
  const Fd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  ASSERT_TRUE(fd.valid());
  ArtifactWriter writer(fd.get(), direct);
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i == end_direct_at) {
      writer.EndDirect();
    }
    const std::span<char> room = writer.Room(pieces[i].size());
    ASSERT_EQ(room.size(), pieces[i].size());
    std::copy(pieces[i].begin(), pieces[i].end(), room.begin());
    ASSERT_TRUE(writer.Commit(room.size(), Crc32(pieces[i])).ok());
  }
  const std::string all = Joined(pieces);
  EXPECT_EQ(writer.size(), static_cast<int64_t>(all.size()));
  EXPECT_EQ(writer.crc32(), Crc32(all));
  const auto digest = writer.Finish();
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, Sha256Of(all));
  EXPECT_TRUE(Slurp(path) == all);
}

TEST(ArtifactWriterTest, WritesPiecesOfEverySize) {
  const unsigned seed = TestSeed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const TestDir dir;
  for (int round = 0; round < 12; ++round) {
    std::vector<std::string> pieces;
    for (size_t n = random() % 12; n > 0; --n) {
      constexpr size_t kSizes[] = {1, 4095, 4096, 70'000, 1 << 20, 6 << 20};
      const size_t size = kSizes[random() % std::size(kSizes)];
      pieces.push_back(
          Noise(size + random() % 5000, static_cast<unsigned>(random())));
    }
    for (const bool direct : {false, true}) {
      ExpectWritten(dir.path() / "f", pieces, direct,
                    random() % (pieces.size() + 1));
    }
  }
}

// Linux before 6.6 has no direct I/O there.
TEST(ArtifactWriterTest, WritesToAFileSystemInMemory) {
  const std::filesystem::path path = "/dev/shm/bottled-artifact-writer-test";
  if (!std::filesystem::is_directory(path.parent_path())) {
    GTEST_SKIP() << "no file system in memory here";
  }
  ExpectWritten(path, {Noise(3'000'000, 1), Noise(5'000, 2)}, true, 9);
  std::filesystem::remove(path);
}

// Descriptors that append take no notice of offsets (Linux), so that one byte
// makes them all unfit for direct I/O.
TEST(ArtifactWriterTest, WhatFailsDirectlyIsWrittenTheOtherWay) {
  const TestDir dir;
  const auto path = dir.path() / "f";
  Spill(path, "x");
  const Fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  ASSERT_TRUE(fd.valid());
  const std::string first = Noise(2'000'000, 1);
  const std::string second = Noise(2'000'000, 2);
  {
    ArtifactWriter writer(fd.get(), true);
    if (!SetDirectIo(fd.get(), true)) {
      GTEST_SKIP() << "this file system has no direct I/O";
    }
    ASSERT_TRUE(writer.Write(first).ok());
    if ((::fcntl(fd.get(), F_GETFL) & O_DIRECT) != 0) {
      GTEST_SKIP() << "this file system takes it all the same";
    }
    ASSERT_TRUE(writer.Write(second).ok());
    const auto digest = writer.Finish();
    ASSERT_TRUE(digest.ok());
    EXPECT_EQ(*digest, Sha256Of(first + second));
  }
  EXPECT_TRUE(Slurp(path) == "x" + first + second);
}

TEST(ArtifactWriterTest, AFullDiskIsAnErrorAndNothingHangs) {
  const Fd fd(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) {
    GTEST_SKIP() << "no /dev/full here";
  }
  {
    ArtifactWriter writer(fd.get(), false);
    EXPECT_EQ(ReasonIn(writer.Write(Noise(2'000'000, 1))), "NO_SPACE");
  }
  ArtifactWriter writer(fd.get(), false);
  EXPECT_TRUE(writer.Write("little").ok());
  EXPECT_EQ(ReasonIn(writer.Finish().status()), "NO_SPACE");
}

}  // namespace
}  // namespace bottled
