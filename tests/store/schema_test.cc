#include "store/schema.h"

#include <array>
#include <optional>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/sqlite.h"

namespace bottled {
namespace {

using ::testing::ElementsAre;

constexpr char kOneArtifact[] =
    "INSERT INTO content_key(key, inputs) VALUES('k', '{}');"
    "INSERT INTO artifact(digest, content_key, size_bytes, unpacked_bytes, "
    "entry_count, platform, config_digest, layer_digest, packer, created_ms, "
    "last_used_ms, notes, device, inode, mtime_ns) "
    "VALUES('a','k',1,1,1,'p','c','l','n',1,1,'',1,1,1)";

class SchemaTest : public ::testing::Test {
 protected:
  SchemaTest() { Open(); }

  void Open() {
    db_.reset();
    auto db = Database::Open(dir_ / "db");
    ASSERT_TRUE(db.ok()) << db.status();
    db_.emplace(*std::move(db));
  }
  std::vector<std::string> Column(const std::string& sql) {
    std::vector<std::string> values;
    auto statement = Statement::Prepare(*db_, sql);
    EXPECT_TRUE(statement.ok()) << statement.status();
    Statement::Use use(*statement);
    for (auto row = use.Step(); row.ok() && *row; row = use.Step()) {
      values.push_back(use.Text(0));
    }
    return values;
  }

  const TempDir dir_;
  std::optional<Database> db_;
};

TEST_F(SchemaTest, MakesTheTables) {
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  EXPECT_THAT(Column("PRAGMA user_version"),
              ElementsAre(std::to_string(Migrations().size())));
  EXPECT_THAT(
      Column("SELECT name FROM migration"),
      ElementsAre("2026-11-artifacts-and-jobs", "2026-11-bottles",
                  "2026-11-engine-objects", "2026-11-last-bytes",
                  "2026-11-leases", "2026-11-misses", "2026-11-planned-mode",
                  "2026-11-requests", "2026-11-restarts", "2026-11-scrub",
                  "2026-11-stream-leases", "2026-11-warming"));
  EXPECT_THAT(
      Column("SELECT name FROM sqlite_schema WHERE type = 'table' "
             "AND name NOT LIKE 'sqlite_%' ORDER BY name"),
      ElementsAre("address_lease", "archive", "artifact", "artifact_reference",
                  "bottle", "build", "content_key", "crash", "damage",
                  "engine_object", "job", "lease", "meta", "migration", "pin",
                  "reference", "request", "scrub", "warm_target"));
  EXPECT_THAT(Column("SELECT name FROM sqlite_schema WHERE type = 'table' "
                     "AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE "
                     "'%STRICT%'"),
              ElementsAre());
  EXPECT_THAT(Column("PRAGMA foreign_key_check"), ElementsAre());
}

TEST_F(SchemaTest, ASecondTimeChangesNothing) {
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  ASSERT_TRUE(db_->Execute("UPDATE meta SET value = 'mine'").ok());
  Open();
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  EXPECT_THAT(Column("SELECT value FROM meta"), ElementsAre("mine"));
}

TEST_F(SchemaTest, RefusesANewerVersion) {
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  ASSERT_TRUE(db_->Execute("PRAGMA user_version=99").ok());
  EXPECT_TRUE(HasReason(Migrate(*db_, Migrations()), kIndexTooNew));
}

TEST_F(SchemaTest, RefusesAnUnknownMigrationBeforeChangingAnything) {
  const std::array first = {Migrations().front()};
  ASSERT_TRUE(Migrate(*db_, first).ok());
  ASSERT_TRUE(
      db_->Execute("INSERT INTO migration VALUES('2031-quantum', 1)").ok());
  const std::array two = {first[0], Migration{"2027-next",
                                              "CREATE TABLE "
                                              "next(a TEXT) "
                                              "STRICT"}};
  EXPECT_TRUE(HasReason(Migrate(*db_, two), kIndexTooNew));
  EXPECT_THAT(Column("SELECT name FROM sqlite_schema WHERE name = 'next'"),
              ElementsAre());
}

TEST_F(SchemaTest, AppliesWhatIsMissingInOrder) {
  const std::array first = {Migrations().front()};
  ASSERT_TRUE(Migrate(*db_, first).ok());
  const std::array three = {
      first[0], Migration{"2027-a", "CREATE TABLE next(a TEXT) STRICT"},
      Migration{"2027-b", "INSERT INTO next VALUES('here')"}};
  Open();
  ASSERT_TRUE(Migrate(*db_, three).ok());
  EXPECT_THAT(Column("SELECT a FROM next"), ElementsAre("here"));
  EXPECT_THAT(Column("PRAGMA user_version"), ElementsAre("3"));
  // And an older release refuses it from now on.
  EXPECT_TRUE(HasReason(Migrate(*db_, first), kIndexTooNew));
}

// A page that was lost: the tables were there and could not be made again.
TEST_F(SchemaTest, AVersionWithoutItsMigrationsIsDamage) {
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  ASSERT_TRUE(db_->Execute("DELETE FROM migration").ok());
  EXPECT_TRUE(HasReason(Migrate(*db_, Migrations()), kIndexCorrupt));
}

TEST_F(SchemaTest, AFailureLeavesTheStepBefore) {
  const std::array first = {Migrations().front()};
  const std::array bad = {first[0],
                          Migration{"2027-bad",
                                    "CREATE TABLE half(a TEXT) STRICT; "
                                    "INSERT INTO absent VALUES(1)"}};
  EXPECT_FALSE(Migrate(*db_, bad).ok());
  EXPECT_THAT(Column("PRAGMA user_version"), ElementsAre("1"));
  EXPECT_THAT(Column("SELECT name FROM sqlite_schema WHERE name = 'half'"),
              ElementsAre());
  EXPECT_TRUE(Migrate(*db_, first).ok());
}

TEST_F(SchemaTest, TheDatabaseItselfAllowsOneOpenJobPerKey) {
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  const auto insert = [&](const char* id, const char* state, const char* key) {
    return db_->Execute(
        "INSERT INTO job(id, state, source, content_key, "
        "created_ms, started_ms, finished_ms, boot_id) "
        "VALUES('" +
        std::string(id) + "','" + state + "','s'," + key + ",0,0,0,'b')");
  };
  EXPECT_TRUE(insert("1", "running", "'k'").ok());
  EXPECT_FALSE(insert("2", "queued", "'k'").ok());
  EXPECT_FALSE(insert("3", "publishing", "'k'").ok());
  EXPECT_TRUE(insert("4", "cancelled", "'k'").ok());
  EXPECT_TRUE(insert("5", "queued", "NULL").ok());
  EXPECT_TRUE(insert("6", "queued", "NULL").ok());
  EXPECT_FALSE(insert("7", "dancing", "NULL").ok());
}

TEST_F(SchemaTest, AnIndexFromBeforeTheBottlesKeepsWhatItHas) {
  const std::array first = {Migrations().front()};
  ASSERT_TRUE(Migrate(*db_, first).ok());
  ASSERT_TRUE(db_->Execute("INSERT INTO reference VALUES('a:1', 'k', 5)").ok());
  Open();
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  EXPECT_THAT(Column("SELECT name FROM reference"), ElementsAre("a:1"));
  EXPECT_THAT(Column("SELECT count(*) FROM bottle"), ElementsAre("0"));
}

TEST_F(SchemaTest, ABottleFromBeforeThePlannedModeHasNone) {
  ASSERT_TRUE(Migrate(*db_, Migrations().first(2)).ok());
  ASSERT_TRUE(db_->Execute("INSERT INTO bottle VALUES('a','x','/',0,'/',1,1,"
                           "'p','b','[]',0,'','',NULL,'{}','s')")
                  .ok());
  Open();
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  EXPECT_THAT(Column("SELECT planned_mode FROM bottle"), ElementsAre(""));
}

TEST_F(SchemaTest, AnArtifactFromBeforeTheLeasesIsHeldByNobody) {
  ASSERT_TRUE(Migrate(*db_, Migrations().first(4)).ok());
  ASSERT_TRUE(db_->Execute(kOneArtifact).ok());
  Open();
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  EXPECT_THAT(Column("SELECT digest FROM artifact"), ElementsAre("a"));
  EXPECT_THAT(Column("SELECT count(*) FROM lease"), ElementsAre("0"));
  EXPECT_THAT(Column("SELECT count(*) FROM pin"), ElementsAre("0"));
  EXPECT_TRUE(db_->Execute("INSERT INTO pin VALUES('a', '', 0)").ok());
}

TEST_F(SchemaTest, LeasesFromBeforeTheStreamsStay) {
  ASSERT_TRUE(Migrate(*db_, Migrations().first(5)).ok());
  ASSERT_TRUE(db_->Execute(kOneArtifact).ok());
  ASSERT_TRUE(db_->Execute("INSERT INTO lease VALUES('1', 'a', 'ttl', 'me', 2, "
                           "3, 0, ''), ('2', 'a', 'pid', 'you', 4, 0, 5, 'i')")
                  .ok());
  Open();
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  EXPECT_THAT(Column("SELECT id || artifact || kind || holder || created_ms || "
                     "expires_ms || pid || identity FROM lease ORDER BY id"),
              ElementsAre("1attlme230", "2apidyou405i"));
  EXPECT_THAT(Column("SELECT tbl_name FROM sqlite_schema "
                     "WHERE name = 'lease_artifact'"),
              ElementsAre("lease"));
  ASSERT_TRUE(db_->Execute("DELETE FROM artifact").ok());
  EXPECT_THAT(Column("SELECT id FROM lease"), ElementsAre());
}

TEST_F(SchemaTest, AJobFromBeforeTheRestartsIsNotRepeated) {
  ASSERT_TRUE(Migrate(*db_, Migrations().first(10)).ok());
  ASSERT_TRUE(
      db_->Execute("INSERT INTO job(id, state, source, created_ms, started_ms, "
                   "finished_ms, boot_id) VALUES('1','running','s',0,0,0,'b')")
          .ok());
  Open();
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  EXPECT_THAT(Column("SELECT id || flight || attempt || spec || wish FROM job"),
              ElementsAre("110"));
  EXPECT_FALSE(db_->Execute("UPDATE job SET wish = 3").ok());
}

TEST_F(SchemaTest, TheDatabaseItselfLetsNoHolderOutliveItsArtifact) {
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  ASSERT_TRUE(db_->Execute(kOneArtifact).ok());
  const auto lease = [&](const std::string& values) {
    return db_->Execute("INSERT INTO lease VALUES(" + values + ")");
  };
  EXPECT_TRUE(lease("'1', 'a', 'ttl', 'me', 0, 5, 0, ''").ok());
  EXPECT_TRUE(lease("'2', 'a', 'pid', 'me', 0, 0, 7, 'i'").ok());
  EXPECT_FALSE(lease("'2', 'a', 'pid', 'me', 0, 0, 7, 'i'").ok());
  EXPECT_TRUE(lease("'3', 'a', 'stream', 'me', 0, 0, 0, ''").ok());
  EXPECT_FALSE(lease("'4', 'a', 'other', 'me', 0, 0, 0, ''").ok());
  EXPECT_FALSE(lease("'4', 'none', 'ttl', 'me', 0, 5, 0, ''").ok());
  EXPECT_FALSE(db_->Execute("INSERT INTO pin VALUES('none', '', 0)").ok());
  EXPECT_TRUE(db_->Execute("INSERT INTO pin VALUES('a', '', 0)").ok());
  EXPECT_FALSE(db_->Execute("INSERT INTO pin VALUES('a', '', 0)").ok());
  ASSERT_TRUE(db_->Execute("DELETE FROM artifact").ok());
  EXPECT_THAT(Column("SELECT id FROM lease"), ElementsAre());
  EXPECT_THAT(Column("SELECT artifact FROM pin"), ElementsAre());
}

TEST_F(SchemaTest, TheDatabaseItselfAllowsNoAddressTwice) {
  ASSERT_TRUE(Migrate(*db_, Migrations()).ok());
  for (const char* slug : {"a", "b", "c"}) {
    ASSERT_TRUE(
        db_->Execute(
               "INSERT INTO bottle VALUES('" + std::string(slug) +
               "','x','/',0,'/',1,1,'p','b','[]',0,'','',NULL,'{}','s','')")
            .ok());
  }
  const auto insert = [&](const std::string& values) {
    return db_->Execute("INSERT INTO address_lease VALUES(" + values + ")");
  };
  EXPECT_TRUE(insert("'a', 16, 28, 1, 'reserved', 0").ok());
  EXPECT_FALSE(insert("'b', 16, 28, 2, 'reserved', 0").ok());
  EXPECT_FALSE(insert("'b', 32, 28, 1, 'reserved', 0").ok());
  EXPECT_FALSE(insert("'a', 32, 28, 2, 'reserved', 0").ok());
  EXPECT_FALSE(insert("'nobody', 32, 28, 2, 'reserved', 0").ok());
  EXPECT_FALSE(insert("'b', 4294967296, 28, 2, 'reserved', 0").ok());
  EXPECT_FALSE(insert("'b', 32, 33, 2, 'reserved', 0").ok());
  EXPECT_FALSE(insert("'b', 32, 28, 2, 'released', 0").ok());
  EXPECT_TRUE(insert("'b', 32, 28, 2, 'active', 0").ok());
  ASSERT_TRUE(db_->Execute("DELETE FROM bottle WHERE slug = 'a'").ok());
  EXPECT_THAT(Column("SELECT slug FROM address_lease"), ElementsAre("b"));
}

}  // namespace
}  // namespace bottled
