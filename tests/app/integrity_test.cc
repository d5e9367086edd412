#include "app/integrity.h"

#include <filesystem>
#include <string>

#include "base/error.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/backup.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using testing::KeyOf;
using testing::StoreEnv;

constexpr int64_t kOneDay = int64_t{24} * 3600 * 1000;

class IntegrityTest : public ::testing::Test {
 protected:
  IntegrityTest() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }
  size_t Copies() {
    const auto copies = ListBackups(env_.places().backups());
    EXPECT_TRUE(copies.ok()) << copies.status();
    return copies.ok() ? copies->size() : 0;
  }
  void Round() { KeepUp(env_.index(), env_.places(), env_.clock()); }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(IntegrityTest, TheIndexIsCopiedOnceADay) {
  Round();
  Round();
  EXPECT_EQ(Copies(), 1U);
  env_.clock().Advance(kOneDay);
  Round();
  EXPECT_EQ(Copies(), 2U);
  // A clock that was set back makes one more, and not one each hour.
  env_.clock().Advance(-30 * kOneDay);
  Round();
  const auto before = testing::Names(env_.places().backups());
  EXPECT_EQ(before.size(), 3U);
  env_.clock().Advance(1000);
  Round();
  EXPECT_EQ(testing::Names(env_.places().backups()), before);
}

// Damage of pages that nobody happens to read is found within a week, and then
// nothing is written on top of it.
TEST_F(IntegrityTest, TheIndexIsCheckedOnceAWeek) {
  for (int i = 0; i < 100; ++i) {
    env_.MustPublish(i);
  }
  Round();
  env_.clock().Advance(6 * kOneDay);
  // A start is as good as a check, and counts from then.
  env_.Restart();
  Round();
  const size_t copies = Copies();
  // SQLite has these pages in memory.
  std::string bytes = testing::ReadAll(env_.places().database());
  ASSERT_GT(bytes.size(), size_t{50'000});
  bytes.replace(8192, bytes.size() - 8192,
                std::string(bytes.size() - 8192, '\xa5'));
  testing::Overwrite(env_.places().database(), bytes);
  env_.clock().Advance(6 * kOneDay);
  Round();
  EXPECT_TRUE(env_.index().SetRebuilt().ok()) << "it is not due";
  EXPECT_EQ(Copies(), copies + 1);
  env_.clock().Advance(kOneDay);
  Round();
  EXPECT_TRUE(HasReason(env_.index().SetRebuilt(), kIndexDegraded));
  env_.clock().Advance(kOneDay);
  Round();
  EXPECT_EQ(Copies(), copies + 1) << "a damaged index is not copied";
  // The next start makes it anew.
  env_.Restart();
  EXPECT_TRUE(env_.report().index_rebuilt);
  EXPECT_EQ(env_.index().Totals()->count, 100);
}

TEST_F(IntegrityTest, WhatWentIsForgottenInTheEnd) {
  const ArtifactRecord record = env_.MustPublish(1);
  ASSERT_TRUE(env_.objects().Remove(record).ok());
  Round();
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "REMOVED");
  env_.clock().Advance(91 * kOneDay);
  Round();
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "NEVER_BUILT");
}

TEST_F(IntegrityTest, BeginsAtOnceAndEndsWhenTold) {
  const ArtifactRecord bad = env_.MustPublish(1);
  std::string bytes = testing::ReadAll(env_.objects().Path(bad));
  const auto time = std::filesystem::last_write_time(env_.objects().Path(bad));
  bytes[10] ^= 1;
  testing::Overwrite(env_.objects().Path(bad), bytes);
  std::filesystem::last_write_time(env_.objects().Path(bad), time);
  ChangeFeed feed(env_.clock());
  Leases leases(env_.index(), env_.clock());
  CancelSource told;
  const int64_t id = feed.Subscribe([&told] { told.Cancel(); });
  {
    // The store is new, which counts as a crash: nothing was read since.
    const Integrity integrity({.index = env_.index(),
                               .objects = env_.objects(),
                               .leases = leases,
                               .clock = env_.clock(),
                               .changes = &feed},
                              env_.places(), {});
    EXPECT_TRUE(
        absl::IsCancelled(SleepFor(std::chrono::minutes(2), told.token())));
  }
  feed.Unsubscribe(id);
  EXPECT_FALSE(env_.index().FindByKey(KeyOf(1))->has_value());
}

}  // namespace
}  // namespace bottled
