// An index that is damaged or lost, made again from the records beside the
// objects.
#include <sys/stat.h>

#include <filesystem>
#include <random>

#include "base/error.h"
#include "base/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/recovery.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::Disagreement;
using testing::KeyOf;
using testing::Names;
using testing::ReadAll;
using testing::SidecarLike;
using testing::StoreEnv;
using testing::WriteAllTo;

class RebuildTest : public ::testing::Test {
 protected:
  RebuildTest() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }

  const Places& places() { return env_.places(); }
  const RecoveryReport& report() { return env_.report(); }
  bool Known(int seed) {
    return env_.index().FindByKey(KeyOf(seed))->has_value();
  }

  const TempDir dir_;
  StoreEnv env_;
};

// Every kind of damage that makes SQLite give up.
TEST_F(RebuildTest, ADamagedDatabaseIsRebuiltFromTheRecords) {
  for (int i = 0; i < 20; ++i) {
    env_.MustPublish(i);
  }
  const std::string id = env_.index().instance_id();
  env_.Stop();
  const std::string good = ReadAll(places().database());
  ASSERT_GT(good.size(), size_t{40000});
  struct {
    const char* name;
    std::string bytes;
  } const damages[] = {
      {"no database", SidecarLike(5, 30000)},
      {"cut", good.substr(0, good.size() / 2)},
      {"header", std::string(16, 'x') + good.substr(16)},
      {"pages", good.substr(0, 4096 * 3) + std::string(4096 * 3, '\x5a') +
                    good.substr(4096 * 6)},
  };
  int aside = 0;
  for (const auto& damage : damages) {
    env_.clock().Advance(1000);
    WriteAllTo(places().database(), damage.bytes);
    const absl::Status status = env_.Start();
    ASSERT_TRUE(status.ok()) << damage.name << ": " << status;
    EXPECT_TRUE(report().index_rebuilt) << damage.name;
    EXPECT_EQ(report().adopted, 20) << damage.name;
    EXPECT_EQ(Disagreement(env_), "") << damage.name;
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(env_.objects().Lookup(KeyOf(i))->has_value());
    }
    EXPECT_NE(env_.index().instance_id(), id);
    env_.Stop();
    ++aside;
  }
  int kept = 0;
  for (const std::string& name : Names(places().state_dir)) {
    kept += name.find("bottled.db.corrupt-") == 0 ? 1 : 0;
  }
  EXPECT_EQ(kept, aside);
}

TEST_F(RebuildTest, ADamagedDatabaseWithDamagedFilesServesNoneOfThem) {
  const ArtifactRecord bad = env_.MustPublish(1);
  env_.MustPublish(2);
  const fs::path path = env_.objects().Path(bad);
  const auto time = fs::last_write_time(path);
  std::string bytes = ReadAll(path);
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  testing::Overwrite(path, bytes);
  fs::last_write_time(path, time);
  env_.Stop();
  WriteAllTo(places().database(), "not a database, but long enough for one");
  ASSERT_TRUE(env_.Start().ok());
  EXPECT_EQ(report().adopted, 1);
  EXPECT_EQ(report().quarantined, 1);
  EXPECT_FALSE(Known(1));
  EXPECT_TRUE(Known(2));
}

TEST_F(RebuildTest, ALostDatabaseIsRebuilt) {
  for (int i = 0; i < 8; ++i) {
    env_.MustPublish(i);
  }
  env_.Stop();
  fs::remove(places().database());
  ASSERT_TRUE(env_.Start().ok());
  EXPECT_EQ(report().adopted, 8);
  EXPECT_EQ(Disagreement(env_), "");
}

// A collection took everything for idle since it had been made.
TEST_F(RebuildTest, WhatIsAdoptedWasUsedNow) {
  const ArtifactRecord record = env_.MustPublish(1);
  env_.Stop();
  env_.clock().Advance(1'000'000);
  fs::remove(places().database());
  ASSERT_TRUE(env_.Start().ok());
  const auto adopted = env_.index().FindByDigest(record.digest);
  ASSERT_TRUE(adopted.ok() && adopted->has_value());
  EXPECT_EQ((*adopted)->created_ms, record.created_ms);
  EXPECT_EQ((*adopted)->last_used_ms, env_.clock().NowMs());
}

TEST_F(RebuildTest, ALostCacheIsNoReasonNotToStart) {
  env_.MustPublish(1);
  env_.Stop();
  fs::remove_all(places().cache_dir);
  ASSERT_TRUE(env_.Start().ok());
  EXPECT_EQ(report().missing, 1);
  env_.MustPublish(1);
  EXPECT_EQ(Disagreement(env_), "");
}

// Whatever is in the file, the store starts with what is true, or says why not.
TEST_F(RebuildTest, RandomDamageNeitherCrashesNorLies) {
  for (int i = 0; i < 6; ++i) {
    env_.MustPublish(i);
  }
  env_.Stop();
  const std::string good = ReadAll(places().database());
  const unsigned seed = TestSeed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  int started = 0;
  for (int round = 0; round < 40; ++round) {
    std::string bytes = good;
    for (int flip = 0; flip < 1 + round % 4; ++flip) {
      const size_t at = random() % bytes.size();
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    }
    if (round % 8 == 7) {
      bytes.resize(random() % bytes.size());
    }
    env_.clock().Advance(1000);
    WriteAllTo(places().database(), bytes);
    const absl::Status status = env_.Start();
    if (status.ok()) {
      ++started;
      EXPECT_EQ(Disagreement(env_), "") << round;
    } else {
      EXPECT_EQ(GetErrorDetail(status).reason.rfind("INDEX_", 0), size_t{0})
          << status;
    }
    env_.Stop();
    for (const std::string& name : Names(places().state_dir)) {
      if (name != "LOCK") {
        fs::remove(places().state_dir / name);
      }
    }
  }
  EXPECT_GT(started, 0);
}

}  // namespace
}  // namespace bottled
