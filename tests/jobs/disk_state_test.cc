#include "jobs/disk_state.h"

#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"
#include "jobs/tools.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kGiB = int64_t{1} << 30;

TEST(DiskFloorTest, IsSmallerOnSmallDisks) {
  EXPECT_EQ(HardFloor(1000 * kGiB, 100 * kGiB), kGiB);
  EXPECT_EQ(HardFloor(4 * kGiB, kGiB), 256 * kMiB);
  // Whoever wants less to stay free has less.
  EXPECT_EQ(HardFloor(1000 * kGiB, 1), 1);
  EXPECT_EQ(HardFloor(0, kGiB), 0);
  EXPECT_EQ(MinFreeFiles(1'000'000), 1000);
  EXPECT_EQ(MinFreeFiles(500), 50);
  EXPECT_EQ(MinFreeFiles(0), 0);
}

class DiskStateTest : public ::testing::Test {
 protected:
  DiskStateTest() {
    std::vector<std::unique_ptr<Reserve>> reserves;
    reserves.push_back(std::make_unique<Reserve>(path()));
    // A floor that every disk has.
    disk_ = std::make_unique<DiskState>(std::move(reserves), 1);
  }
  fs::path path() const { return dir_.path() / "reserve"; }

  TempDir dir_;
  std::unique_ptr<DiskState> disk_;
};

TEST_F(DiskStateTest, GivesTheReserveUpAndTakesItBack) {
  disk_->Start();
  EXPECT_TRUE(fs::exists(path()));
  EXPECT_TRUE(disk_->Check().ok());
  EXPECT_GT(disk_->reserve_bytes(), 0);
  EXPECT_FALSE(disk_->TryToLeave());

  EXPECT_TRUE(disk_->NoteFull("index: it is full"));
  EXPECT_TRUE(disk_->full());
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_EQ(disk_->reserve_bytes(), 0);
  const absl::Status full = disk_->Check();
  EXPECT_TRUE(HasReason(full, "DISK_FULL")) << full;
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(full.message().find("it is full"), absl::string_view::npos);
  EXPECT_NE(GetErrorDetail(full).remedy, "");
  // Nothing more to give.
  EXPECT_FALSE(disk_->NoteFull("again"));

  EXPECT_TRUE(disk_->TryToLeave());
  EXPECT_FALSE(disk_->full());
  EXPECT_TRUE(disk_->Check().ok());
  EXPECT_TRUE(fs::exists(path()));
}

TEST_F(DiskStateTest, StaysAsLongAsTheFloorIsNotThere) {
  std::vector<std::unique_ptr<Reserve>> reserves;
  reserves.push_back(std::make_unique<Reserve>(path()));
  reserves.push_back(
      std::make_unique<Reserve>(dir_.path() / "unmounted/reserve"));
  DiskState disk(std::move(reserves), 1);
  disk.Start();
  // A disk that cannot be looked at is not a full one.
  EXPECT_FALSE(disk.full());
  EXPECT_TRUE(disk.NoteFull("full"));
  EXPECT_FALSE(disk.TryToLeave());
  EXPECT_TRUE(disk.full());
  fs::create_directory(dir_.path() / "unmounted");
  EXPECT_TRUE(disk.TryToLeave());
}

TEST_F(DiskStateTest, ManyThreads) {
  disk_->Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int round = 0; round < 200; ++round) {
        if (i % 2 == 0) {
          disk_->NoteFull("full");
        } else {
          disk_->TryToLeave();
        }
        (void)disk_->Check();
        (void)disk_->reserve_bytes();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  disk_->NoteFull("full");
  EXPECT_TRUE(disk_->TryToLeave());
  EXPECT_TRUE(fs::exists(path()));
}

TEST(DiskStateReservesTest, OneForEachFileSystem) {
  const TempDir dir;
  Places places;
  places.state_dir = dir.path() / "state";
  places.cache_dir = dir.path() / "cache";
  fs::create_directories(places.state_dir);
  fs::create_directories(places.cache_dir);
  const auto one = DiskState::ReservesFor(places);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0]->path(), places.cache_dir / "reserve");
  places.state_dir = "/proc";
  const auto two = DiskState::ReservesFor(places);
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[1]->path(), "/proc/reserve");
}

}  // namespace
}  // namespace bottled
