#include "jobs/scrubber.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::KeyOf;
using ::testing::SizeIs;
using testing::StoreEnv;

constexpr int64_t kScrubDay = int64_t{24} * 3600 * 1000;

TEST(BytePace, SpreadsBytesOverTime) {
  const std::chrono::steady_clock::time_point start{};
  BytePace pace(1000, start);
  EXPECT_EQ(pace.Spend(500, start), milliseconds(500));
  EXPECT_EQ(pace.Spend(500, start + milliseconds(500)), milliseconds(500));
  // A little late is caught up with.
  EXPECT_EQ(pace.Spend(1000, start + milliseconds(1500)), milliseconds(500));
}

TEST(BytePace, ASuspendedMachineHasNoBurstToComeUpWith) {
  const std::chrono::steady_clock::time_point start{};
  BytePace pace(1000, start);
  EXPECT_EQ(pace.Spend(1000, start), milliseconds(1000));
  const auto later = start + seconds(3600);
  EXPECT_EQ(pace.Spend(1000, later), milliseconds(0));
  EXPECT_EQ(pace.Spend(1000, later), milliseconds(1000));
}

TEST(BytePace, LargeNumbersDoNotOverflow) {
  const std::chrono::steady_clock::time_point start{};
  BytePace pace(int64_t{1} << 20, start);
  EXPECT_EQ(pace.Spend(int64_t{1} << 45, start), seconds(int64_t{1} << 25));
}

class ScrubberTest : public ::testing::Test {
 protected:
  ScrubberTest() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
    feed_ = std::make_unique<ChangeFeed>(env_.clock());
    leases_ = std::make_unique<Leases>(env_.index(), env_.clock());
    Make({});
  }
  void Make(Scrubber::Options options) {
    options.sleep = [this](milliseconds time, const CancelToken& token) {
      slept_ += time;
      env_.clock().Advance(time.count());
      if (on_sleep_) {
        on_sleep_();
      }
      return token.Check();
    };
    scrubber_ =
        std::make_unique<Scrubber>(Scrubber::Deps{.index = env_.index(),
                                                  .objects = env_.objects(),
                                                  .leases = *leases_,
                                                  .clock = env_.clock(),
                                                  .changes = feed_.get()},
                                   options);
  }
  ScrubRound Scrub(bool after_crash = false) {
    auto round = scrubber_->Run(after_crash, CancelToken());
    EXPECT_TRUE(round.ok()) << round.status();
    return round.ok() ? *round : ScrubRound();
  }
  // Damages one byte as a failing disk would: nothing else tells of it.
  void Flip(const ArtifactRecord& record) {
    const fs::path path = env_.objects().Path(record);
    const auto time = fs::last_write_time(path);
    std::string bytes = testing::ReadAll(path);
    bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 4);
    testing::Overwrite(path, bytes);
    fs::last_write_time(path, time);
  }
  std::vector<Digest> Due(bool after_crash = false) {
    auto due =
        env_.index().ScrubDue(env_.clock().NowMs(), 7 * kScrubDay, after_crash);
    EXPECT_TRUE(due.ok()) << due.status();
    return due.ok() ? *std::move(due) : std::vector<Digest>();
  }

  const TempDir dir_;
  StoreEnv env_;
  std::unique_ptr<ChangeFeed> feed_;
  std::unique_ptr<Leases> leases_;
  std::unique_ptr<Scrubber> scrubber_;
  milliseconds slept_{0};
  std::function<void()> on_sleep_;
};

TEST_F(ScrubberTest, ReadsEachOncePerInterval) {
  const ArtifactRecord a = env_.MustPublish(1);
  EXPECT_EQ(Scrub().artifacts, 0) << "it has just been made";
  env_.clock().Advance(7 * kScrubDay + 1);
  env_.MustPublish(2);
  const ScrubRound round = Scrub();
  EXPECT_EQ(round.artifacts, 1);
  EXPECT_EQ(round.bytes, a.size_bytes);
  EXPECT_EQ(round.damaged, 0);
  EXPECT_EQ(Scrub().artifacts, 0);
  // The state outlives the daemon, and so does what GetInfo tells.
  env_.Restart();
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_EQ(*env_.index().LastScrubRound(), round);
  env_.clock().Advance(7 * kScrubDay + 1);
  EXPECT_THAT(Due(), SizeIs(2));
}

TEST_F(ScrubberTest, DamageGoesToQuarantineAndIsTold) {
  const ArtifactRecord bad = env_.MustPublish(1);
  env_.MustPublish(2);
  ASSERT_TRUE(leases_->Pin(bad.digest, "mine").ok());
  Flip(bad);
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value())
      << "a hit cannot see it";
  env_.clock().Advance(8 * kScrubDay);
  const int64_t before = feed_->last_seq();
  const ScrubRound round = Scrub();
  EXPECT_EQ(round.artifacts, 2);
  EXPECT_EQ(round.damaged, 1);
  EXPECT_FALSE(env_.objects().Lookup(KeyOf(1))->has_value());
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(2))->has_value());
  EXPECT_THAT(testing::Names(env_.places().quarantine()), SizeIs(2));
  const auto changes = feed_->Since(before, 10).changes;
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0].kind, ChangeKind::kArtifactRemoved);
  EXPECT_EQ(changes[0].id, bad.digest.ToString());
  const auto miss =
      env_.index().Explain(KeyOf(1), "", "", env_.clock().NowMs());
  ASSERT_TRUE(miss.ok());
  EXPECT_EQ(miss->reason, "QUARANTINED");
  EXPECT_THAT(miss->rule, ::testing::HasSubstr("SHA-256"));
}

TEST_F(ScrubberTest, ARestoredBackupIsNoDamage) {
  const ArtifactRecord record = env_.MustPublish(1);
  const fs::path path = env_.objects().Path(record);
  const std::string bytes = testing::ReadAll(path);
  fs::rename(path, dir_ / "old");
  testing::WriteAllTo(path, bytes);
  env_.clock().Advance(8 * kScrubDay);
  EXPECT_EQ(Scrub().damaged, 0);
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
  // One with other bytes is.
  env_.clock().Advance(8 * kScrubDay);
  fs::remove(path);
  testing::WriteAllTo(path, "x" + bytes.substr(1));
  EXPECT_EQ(Scrub().damaged, 1);
  EXPECT_THAT(testing::Names(env_.places().quarantine()), SizeIs(2));
}

TEST_F(ScrubberTest, AFileThatIsGoneIsNoQuarantine) {
  const ArtifactRecord lost = env_.MustPublish(1);
  fs::remove(env_.objects().Path(lost));
  env_.clock().Advance(8 * kScrubDay);
  EXPECT_EQ(Scrub().damaged, 0);
  EXPECT_EQ(*env_.index().MissReason(KeyOf(1), ""), "MISSING");
}

TEST_F(ScrubberTest, AfterACrashTheNewestComeFirst) {
  std::vector<Digest> made;
  for (int i = 0; i < 3; ++i) {
    env_.clock().Advance(1000);
    made.push_back(env_.MustPublish(i).digest);
  }
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_THAT(Due(true), ElementsAre(made[2], made[1], made[0]));
  EXPECT_EQ(Scrub(true).artifacts, 3);
  EXPECT_THAT(Due(true), IsEmpty()) << "they have been read since";
}

TEST_F(ScrubberTest, KeepsToItsRate) {
  for (int i = 0; i < 4; ++i) {
    env_.MustPublish(i);
  }
  env_.clock().Advance(8 * kScrubDay);
  Make({.bytes_per_second = 1000});
  const ScrubRound round = Scrub();
  EXPECT_EQ(round.artifacts, 4);
  EXPECT_NEAR(static_cast<double>(slept_.count()),
              static_cast<double>(round.bytes), 10.0);
}

TEST_F(ScrubberTest, LeavesBusyDisksToOthersForAWhile) {
  env_.MustPublish(1);
  env_.MustPublish(2);
  env_.clock().Advance(8 * kScrubDay);
  int busy = 3;
  Make({.busy = [&busy] { return busy-- > 0; }});
  EXPECT_EQ(Scrub().artifacts, 2);
  EXPECT_EQ(slept_, seconds(30));
  // On a machine that always is busy, everything is read all the same.
  env_.clock().Advance(8 * kScrubDay);
  slept_ = seconds(0);
  Make({.busy = [] { return true; }});
  EXPECT_EQ(Scrub().artifacts, 2);
  EXPECT_EQ(slept_, seconds(240));
}

TEST_F(ScrubberTest, ARoundPausesNoLongerThanAnHour) {
  for (int i = 0; i < 40; ++i) {
    env_.MustPublish(i);
  }
  env_.clock().Advance(8 * kScrubDay);
  Make({.bytes_per_second = int64_t{1} << 40, .busy = [] { return true; }});
  EXPECT_EQ(Scrub().artifacts, 40);
  EXPECT_EQ(slept_, std::chrono::hours(1));
}

TEST_F(ScrubberTest, ACancelEndsAPause) {
  env_.MustPublish(1);
  env_.clock().Advance(8 * kScrubDay);
  CancelSource cancel;
  on_sleep_ = [&] { cancel.Cancel(); };
  Make({.busy = [] { return true; }});
  EXPECT_EQ(scrubber_->Run(false, cancel.token()).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(slept_, seconds(10));
  EXPECT_THAT(Due(), SizeIs(1));
}

TEST_F(ScrubberTest, ACancelKeepsWhatWasDone) {
  for (int i = 0; i < 3; ++i) {
    env_.MustPublish(i);
  }
  env_.clock().Advance(8 * kScrubDay);
  Make({.bytes_per_second = 1000});
  CancelSource cancel;
  int sleeps = 0;
  on_sleep_ = [&] {
    if (++sleeps == 2) {
      cancel.Cancel();
    }
  };
  EXPECT_EQ(scrubber_->Run(false, cancel.token()).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ((*env_.index().LastScrubRound())->artifacts, 1);
  EXPECT_THAT(Due(), SizeIs(2));
}

TEST_F(ScrubberTest, AClockThatWasSetDoesNoHarm) {
  env_.MustPublish(1);
  env_.clock().Advance(365 * kScrubDay);
  EXPECT_EQ(Scrub().artifacts, 1);
  EXPECT_EQ(Scrub().artifacts, 0);
  // Back again: what was noted is from the future, and says nothing.
  env_.clock().Advance(-364 * kScrubDay);
  EXPECT_EQ(Scrub().artifacts, 1);
  EXPECT_EQ(Scrub().artifacts, 0);
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
}

TEST_F(ScrubberTest, WhatWasMadeAgainMeanwhileIsNotCondemned) {
  const ArtifactRecord bad = env_.MustPublish(1);
  Flip(bad);
  env_.clock().Advance(8 * kScrubDay);
  Make({.bytes_per_second = 1000});
  // Between the reading and the verdict: another file, with other numbers.
  on_sleep_ = [&] {
    on_sleep_ = nullptr;
    ASSERT_TRUE(env_.objects().Remove(bad).ok());
    EXPECT_EQ(env_.MustPublish(1).digest, bad.digest);
  };
  EXPECT_EQ(Scrub().damaged, 0);
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
}

// The fault test 9 at its size for CI: one damage in each of many artifacts.
TEST_F(ScrubberTest, AllDamageIsFoundByAHitOrByAScrub) {
  constexpr int kCount = 1000;
  enum Damage { kFlip, kCut, kGrown, kWritten, kFooter, kReplaced, kLinked };
  const unsigned seed = TestSeed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::vector<ArtifactRecord> records;
  for (int i = 0; i < kCount; ++i) {
    records.push_back(env_.MustPublish(i));
  }
  int quiet = 0;
  for (int i = 0; i < kCount; ++i) {
    const fs::path path = env_.objects().Path(records[i]);
    const auto time = fs::last_write_time(path);
    std::string bytes = testing::ReadAll(path);
    bool visible = true;
    switch (static_cast<Damage>(i % 7)) {
      case kFlip:
        visible = false;
        bytes[random() % (bytes.size() - 64)] ^=
            static_cast<char>(1 << random() % 8);
        testing::Overwrite(path, bytes);
        fs::last_write_time(path, time);
        break;
      case kCut:
        bytes.resize(random() % bytes.size());
        testing::Overwrite(path, bytes);
        fs::last_write_time(path, time);
        break;
      case kGrown:
        testing::Overwrite(path, bytes + "x");
        fs::last_write_time(path, time);
        break;
      case kWritten:
        bytes[bytes.size() / 2] ^= 2;
        testing::Overwrite(path, bytes);
        fs::last_write_time(path, time + seconds(1));
        break;
      case kFooter:
        bytes[bytes.size() - 64 + random() % 8] ^= 1;
        testing::Overwrite(path, bytes);
        fs::last_write_time(path, time);
        break;
      case kReplaced:
        // The old file lives on, so that its inode is not given out again.
        fs::rename(path, dir_ / ("old" + std::to_string(i)));
        bytes[bytes.size() / 2] ^= 2;
        testing::WriteAllTo(path, bytes);
        fs::last_write_time(path, time);
        break;
      case kLinked: {
        // Through another name of the same file, times set back.
        visible = false;
        const fs::path other = dir_ / ("link" + std::to_string(i));
        fs::create_hard_link(path, other);
        bytes[bytes.size() / 2] ^= 2;
        testing::Overwrite(other, bytes);
        fs::last_write_time(other, time);
        break;
      }
    }
    quiet += visible ? 0 : 1;
    const auto hit = env_.objects().Lookup(KeyOf(i));
    ASSERT_TRUE(hit.ok()) << hit.status();
    EXPECT_EQ(hit->has_value(), !visible) << i << " of kind " << i % 7;
  }
  env_.clock().Advance(8 * kScrubDay);
  const ScrubRound round = Scrub();
  EXPECT_EQ(round.damaged, quiet);
  for (int i = 0; i < kCount; ++i) {
    EXPECT_FALSE(env_.objects().Lookup(KeyOf(i))->has_value()) << i;
  }
}

}  // namespace
}  // namespace bottled
