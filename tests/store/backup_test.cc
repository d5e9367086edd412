// Copies of the index: made, kept, and put back when the index is damaged.
#include "store/backup.h"

#include <filesystem>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/schema.h"
#include "store/store_env.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;
using testing::Disagreement;
using ::testing::IsEmpty;
using testing::KeyOf;
using testing::Names;
using testing::RawSql;
using testing::ReadAll;
using ::testing::SizeIs;
using testing::StoreEnv;
using testing::WriteAllTo;

class BackupTest : public ::testing::Test {
 protected:
  BackupTest() : env_(dir_.path()) {
    const absl::Status status = env_.Start();
    EXPECT_TRUE(status.ok()) << status;
  }
  const Places& places() { return env_.places(); }
  void BackUp() {
    env_.clock().Advance(1000);
    const absl::Status status =
        env_.index().BackUp(places().backups(), env_.clock().NowMs());
    ASSERT_TRUE(status.ok()) << status;
  }
  std::vector<BackupFile> Backups() {
    auto backups = ListBackups(places().backups());
    EXPECT_TRUE(backups.ok()) << backups.status();
    return backups.ok() ? *std::move(backups) : std::vector<BackupFile>();
  }
  // As SQLite finds it at the next start.
  void DamageIndex() {
    env_.Stop();
    WriteAllTo(places().database(), std::string(20'000, 'x'));
  }
  void StartAgain() {
    const absl::Status status = env_.Start();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(Disagreement(env_), "");
  }

  const TempDir dir_;
  StoreEnv env_;
};

TEST_F(BackupTest, TheThreeNewestAreKept) {
  for (int i = 0; i < 5; ++i) {
    BackUp();
  }
  const std::vector<BackupFile> backups = Backups();
  ASSERT_THAT(backups, SizeIs(3));
  EXPECT_EQ(backups[0].made_ms, env_.clock().NowMs());
  EXPECT_GT(backups[0].made_ms, backups[1].made_ms);
  EXPECT_THAT(Names(places().backups()), SizeIs(3));
  EXPECT_EQ(fs::status(backups[0].path).permissions() & fs::perms::others_all,
            fs::perms::none);
}

TEST_F(BackupTest, AClockThatWasSetBackDoesNotMakeTheNewestTheOldest) {
  BackUp();
  BackUp();
  const std::string second = ReadAll(Backups()[0].path);
  env_.MustPublish(1);
  for (const int64_t now_ms : {5, 5}) {
    ASSERT_TRUE(env_.index().BackUp(places().backups(), now_ms).ok());
  }
  const std::vector<BackupFile> backups = Backups();
  ASSERT_THAT(backups, SizeIs(3));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(backups[i].made_ms, 5 - i);
  }
  EXPECT_EQ(ReadAll(backups[2].path), second);
}

TEST_F(BackupTest, ARestOfAnotherAttemptIsRemoved) {
  fs::create_directories(places().backups());
  WriteAllTo(places().backups() / "unfinished", "half");
  WriteAllTo(places().backups() / "unfinished-journal", "half");
  WriteAllTo(places().backups() / "bottled-x.db", "a user's");
  BackUp();
  EXPECT_THAT(Backups(), SizeIs(1));
  EXPECT_THAT(Names(places().backups()), SizeIs(2));
}

TEST_F(BackupTest, ACopyThatIsNotWholeIsNotKept) {
  BackUp();
  const absl::Status status = MakeBackup(
      [](const fs::path& path) {
        WriteAllTo(path, std::string(9000, 'y'));
        return absl::OkStatus();
      },
      places().backups(), env_.clock().NowMs() + 1);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(Backups(), SizeIs(1));
  EXPECT_THAT(Names(places().backups()), SizeIs(1));
  // Nor is the index to blame.
  env_.MustPublish(1);
}

TEST_F(BackupTest, PinsLeasesAndBottlesSurviveADamagedIndex) {
  const ArtifactRecord old = env_.MustPublish(1);
  const ArtifactRecord removed = env_.MustPublish(2);
  ASSERT_TRUE(
      env_.index().SetPin({.artifact = old.digest, .note = "mine"}).ok());
  ASSERT_TRUE(env_.index()
                  .AddLease({.id = "l",
                             .artifact = old.digest,
                             .kind = LeaseKind::kTtl,
                             .holder = "me",
                             .created_ms = env_.clock().NowMs(),
                             .expires_ms = env_.clock().NowMs() + 3'600'000})
                  .ok());
  const std::string id = env_.index().instance_id();
  BackUp();
  // What the copy does not know.
  env_.MustPublish(3);
  ASSERT_TRUE(env_.objects().Remove(removed).ok());
  DamageIndex();
  StartAgain();
  EXPECT_TRUE(env_.report().index_rebuilt);
  EXPECT_EQ(env_.report().backup_ms, Backups()[0].made_ms);
  EXPECT_EQ(env_.report().missing, 1);
  EXPECT_EQ(env_.report().adopted, 1);
  EXPECT_EQ(env_.index().instance_id(), id);
  EXPECT_THAT(*env_.index().ListPins(), SizeIs(1));
  EXPECT_THAT(*env_.index().ListLeases(), SizeIs(1));
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(1))->has_value());
  EXPECT_FALSE(env_.objects().Lookup(KeyOf(2))->has_value());
  EXPECT_TRUE(env_.objects().Lookup(KeyOf(3))->has_value());
}

TEST_F(BackupTest, ManyArtifactsSinceTheCopyAreAllTakenIn) {
  BackUp();
  for (int i = 0; i < 20; ++i) {
    env_.MustPublish(i);
  }
  DamageIndex();
  StartAgain();
  EXPECT_EQ(env_.report().adopted, 20);
  EXPECT_EQ(env_.report().left_alone, 0);
}

TEST_F(BackupTest, ADamagedCopyIsPassedOver) {
  env_.MustPublish(1);
  BackUp();
  BackUp();
  BackUp();
  const std::vector<BackupFile> backups = Backups();
  const std::string good = ReadAll(backups[0].path);
  WriteAllTo(backups[0].path, good.substr(0, good.size() / 2));
  WriteAllTo(backups[1].path, "");
  DamageIndex();
  StartAgain();
  EXPECT_EQ(env_.report().backup_ms, backups[2].made_ms);
  // With none that is whole, the records are what is left.
  WriteAllTo(backups[2].path, std::string(9000, '\0'));
  DamageIndex();
  StartAgain();
  EXPECT_EQ(env_.report().backup_ms, 0);
  EXPECT_EQ(env_.report().adopted, 1);
}

TEST_F(BackupTest, ACopyOfALaterReleaseIsPassedOver) {
  env_.MustPublish(1);
  BackUp();
  RawSql(Backups()[0].path, "PRAGMA user_version=999");
  DamageIndex();
  StartAgain();
  EXPECT_EQ(env_.report().backup_ms, 0);
  EXPECT_THAT(Backups(), SizeIs(1));
}

TEST_F(BackupTest, ADatabaseOfAnEarlierReleaseIsCopiedBeforeItIsMigrated) {
  const fs::path path = dir_ / "old" / "bottled.db";
  fs::create_directories(path.parent_path());
  {
    auto db = Database::Open(path);
    ASSERT_TRUE(db.ok()) << db.status();
    ASSERT_TRUE(Migrate(*db, Migrations().first(3)).ok());
  }
  {
    auto index = Index::Open(path, env_.lock());
    ASSERT_TRUE(index.ok()) << index.status();
  }
  auto backups = ListBackups(path.parent_path() / kBackupDir);
  ASSERT_TRUE(backups.ok());
  ASSERT_THAT(*backups, SizeIs(1));
  auto copy = Database::Open(backups->front().path);
  ASSERT_TRUE(copy.ok()) << copy.status();
  auto applied = Statement::Prepare(*copy, "SELECT count(*) FROM migration");
  ASSERT_TRUE(applied.ok());
  Statement::Use use(*applied);
  ASSERT_TRUE(*use.Step());
  EXPECT_EQ(use.Int(0), 3);
  // A new one is not.
  EXPECT_FALSE(fs::exists(places().backups()));
}

TEST_F(BackupTest, ACrashIsKnownFromACleanStop) {
  EXPECT_TRUE(env_.index().after_crash()) << "of a new one nothing is known";
  env_.Restart();
  EXPECT_FALSE(env_.index().after_crash());
  // What a killed daemon leaves: its files as they are.
  const fs::path frozen = dir_ / "frozen";
  fs::create_directories(frozen);
  for (const std::string& name : Names(places().state_dir)) {
    if (name.starts_with("bottled.db")) {
      WriteAllTo(frozen / name, ReadAll(places().state_dir / name));
    }
  }
  env_.Stop();
  for (const std::string& name : Names(frozen)) {
    WriteAllTo(places().state_dir / name, ReadAll(frozen / name));
  }
  StartAgain();
  EXPECT_TRUE(env_.index().after_crash());
}

// quick_check does not look at what an index has for a row.
TEST_F(BackupTest, AfterACrashTheWholeDatabaseIsChecked) {
  env_.MustPublish(1);
  env_.Stop();
  // A row that refers to none, in a database that was not closed.
  RawSql(places().database(),
         "PRAGMA foreign_keys=OFF; UPDATE meta SET value='no' WHERE "
         "name='closed'; INSERT INTO pin VALUES('nothing','',1)");
  StartAgain();
  EXPECT_TRUE(env_.report().index_rebuilt);
  EXPECT_EQ(env_.report().adopted, 1);
}

TEST_F(BackupTest, AnIndexGivesItsUnusedPagesBack) {
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(env_.index()
                    .InsertJob({.id = "j" + std::to_string(i),
                                .source = std::string(2000, 'x')})
                    .ok());
    ASSERT_TRUE(env_.index()
                    .FinishJob("j" + std::to_string(i), JobRowState::kFailed,
                               Digest(), "", 1)
                    .ok());
  }
  ASSERT_TRUE(env_.index().TrimJobs(env_.clock().NowMs()).ok());
  EXPECT_THAT(*env_.index().ListJobs(true, 0), IsEmpty());
  ASSERT_TRUE(env_.index().Shrink().ok());
  env_.Stop();
  EXPECT_LT(fs::file_size(places().database()), uintmax_t{400'000});
}

}  // namespace
}  // namespace bottled
