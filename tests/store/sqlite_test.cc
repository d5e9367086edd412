#include "store/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/temp_dir.h"
#include "store/errors.h"
#include "store/store_env.h"

namespace bottled {
namespace {

using testing::ReadAll;
using testing::SidecarLike;
using testing::WriteAllTo;

std::string Ask(Database& db, const std::string& sql) {
  auto statement = Statement::Prepare(db, sql);
  EXPECT_TRUE(statement.ok()) << statement.status();
  Statement::Use use(*statement);
  const auto row = use.Step();
  EXPECT_TRUE(row.ok()) << row.status();
  return row.ok() && *row ? use.Text(0) : "";
}

// What a raw connection makes of the file, as another program would.
int RawCode(const std::filesystem::path& path, const char* sql) {
  sqlite3* raw = nullptr;
  int code = sqlite3_open(path.c_str(), &raw);
  if (code == SQLITE_OK) {
    code = sqlite3_exec(raw, sql, nullptr, nullptr, nullptr);
  }
  sqlite3_close(raw);
  return code & 0xff;
}

TEST(Database, SetsEveryPragma) {
  const TempDir dir;
  auto db = Database::Open(dir / "db");
  ASSERT_TRUE(db.ok()) << db.status();
  const std::map<std::string, std::string> expected = {
      {"locking_mode", "exclusive"},
      {"journal_mode", "wal"},
      {"synchronous", "2"},
      {"foreign_keys", "1"},
      {"trusted_schema", "0"},
      {"cell_size_check", "1"},
      {"temp_store", "2"},
      {"mmap_size", "0"},
      {"wal_autocheckpoint", "256"},
      {"journal_size_limit", "4194304"},
      {"busy_timeout", "5000"},
      {"auto_vacuum", "2"},
      {"application_id", std::to_string(0x62746c64)},
  };
  for (const auto& [name, value] : expected) {
    EXPECT_EQ(Ask(*db, "PRAGMA " + name), value) << name;
  }
  int defensive = 0;
  sqlite3_db_config(db->handle(), SQLITE_DBCONFIG_DEFENSIVE, -1, &defensive);
  EXPECT_EQ(defensive, 1);
  int extensions = 1;
  sqlite3_db_config(db->handle(), SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, -1,
                    &extensions);
  EXPECT_EQ(extensions, 0);
}

TEST(Database, KeepsItsSettingsWhenOpenedAgain) {
  const TempDir dir;
  for (int i = 0; i < 3; ++i) {
    auto db = Database::Open(dir / "db");
    ASSERT_TRUE(db.ok()) << db.status();
    EXPECT_EQ(Ask(*db, "PRAGMA journal_mode"), "wal");
    EXPECT_EQ(Ask(*db, "PRAGMA auto_vacuum"), "2");
    EXPECT_EQ(Ask(*db, "PRAGMA synchronous"), "2");
    ASSERT_TRUE(
        db->Execute("CREATE TABLE IF NOT EXISTS t(a INTEGER) STRICT").ok());
  }
}

TEST(Database, NeitherUsesSharedMemoryNorLetsOthersRead) {
  const TempDir dir;
  auto db = Database::Open(dir / "db");
  ASSERT_TRUE(db.ok()) << db.status();
  ASSERT_TRUE(db->Execute("CREATE TABLE t(a INTEGER) STRICT").ok());
  EXPECT_FALSE(std::filesystem::exists(dir / "db-shm"));
  for (const char* name : {"db", "db-wal"}) {
    struct stat info = {};
    ASSERT_EQ(::stat((dir / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 07777, mode_t{0600}) << name;
  }
}

TEST(Database, IsLockedForOtherProcesses) {
  const TempDir dir;
  // Forked before SQLite knows the file: a copy of its bookkeeping in the child
  // would answer instead of the kernel.
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    ::close(go[1]);
    if (::read(go[0], &byte, 1) != 1) {
      ::_exit(100);
    }
    ::_exit(RawCode(dir / "db", "SELECT * FROM t"));
  }
  ::close(go[0]);
  {
    auto db = Database::Open(dir / "db");
    ASSERT_TRUE(db.ok()) << db.status();
    ASSERT_TRUE(db->Execute("CREATE TABLE t(a INTEGER) STRICT").ok());
    ASSERT_EQ(::write(go[1], "x", 1), 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), SQLITE_BUSY);
  }
  ::close(go[1]);
  EXPECT_EQ(RawCode(dir / "db", "SELECT * FROM t"), SQLITE_OK);
}

TEST(Database, LeavesAForeignDatabaseAlone) {
  const TempDir dir;
  ASSERT_EQ(RawCode(dir / "db",
                    "CREATE TABLE theirs(a); "
                    "PRAGMA application_id=1234"),
            SQLITE_OK);
  const std::string before = ReadAll(dir / "db");
  const auto db = Database::Open(dir / "db");
  EXPECT_TRUE(HasReason(db.status(), kIndexForeign)) << db.status();
  EXPECT_EQ(ReadAll(dir / "db"), before);
}

TEST(Database, RefusesADatabaseWithoutAnId) {
  const TempDir dir;
  ASSERT_EQ(RawCode(dir / "db", "CREATE TABLE theirs(a)"), SQLITE_OK);
  EXPECT_TRUE(HasReason(Database::Open(dir / "db").status(), kIndexForeign));
}

// Killed between the two steps in which it is made.
TEST(Database, AStartThatDiedAtItsFirstCallsIsTakenUp) {
  const TempDir dir;
  ASSERT_EQ(RawCode(dir / "db",
                    "PRAGMA auto_vacuum=INCREMENTAL; CREATE TABLE t(a); "
                    "DROP TABLE t"),
            SQLITE_OK);
  ASSERT_TRUE(Database::Open(dir / "db").ok());
  EXPECT_TRUE(Database::Open(dir / "db").ok());
}

TEST(Database, TakesAnEmptyFileForANewOne) {
  const TempDir dir;
  WriteAllTo(dir / "db", "");
  EXPECT_TRUE(Database::Open(dir / "db").ok());
}

TEST(Database, RecognisesWhatIsNoDatabase) {
  const TempDir dir;
  WriteAllTo(dir / "db", SidecarLike(1, 20000));
  const auto db = Database::Open(dir / "db");
  EXPECT_TRUE(HasReason(db.status(), kIndexCorrupt)) << db.status();
}

TEST(Database, FindsDamageInside) {
  const TempDir dir;
  {
    auto db = Database::Open(dir / "db");
    ASSERT_TRUE(db.ok());
    ASSERT_TRUE(db->Execute("CREATE TABLE t(a TEXT) STRICT; "
                            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                            "SELECT i + 1 FROM n LIMIT 2000) INSERT INTO t "
                            "SELECT hex(randomblob(50)) FROM n")
                    .ok());
  }
  std::string bytes = ReadAll(dir / "db");
  ASSERT_GT(bytes.size(), size_t{50000});
  bytes.replace(20480, 4096, std::string(4096, '\xa5'));
  WriteAllTo(dir / "db", bytes);
  auto db = Database::Open(dir / "db");
  ASSERT_TRUE(db.ok()) << db.status();
  EXPECT_TRUE(HasReason(db->CheckQuickly(dir / "db"), kIndexCorrupt));
  EXPECT_TRUE(HasReason(db->CheckThoroughly(dir / "db"), kIndexCorrupt));
}

TEST(Database, FollowsNoLink) {
  const TempDir dir;
  WriteAllTo(dir / "elsewhere", "");
  std::filesystem::create_symlink(dir / "elsewhere", dir / "db");
  EXPECT_FALSE(Database::Open(dir / "db").ok());
  EXPECT_EQ(ReadAll(dir / "elsewhere"), "");
}

TEST(Database, SaysWhenTheDirectoryIsMissing) {
  const TempDir dir;
  const auto db = Database::Open(dir / "no" / "db");
  EXPECT_EQ(db.status().code(), absl::StatusCode::kNotFound) << db.status();
}

class StatementTest : public ::testing::Test {
 protected:
  StatementTest() {
    auto db = Database::Open(dir_ / "db");
    EXPECT_TRUE(db.ok()) << db.status();
    db_.emplace(*std::move(db));
    EXPECT_TRUE(
        db_->Execute("CREATE TABLE t(a INTEGER UNIQUE, b TEXT) STRICT").ok());
  }

  absl::Status Insert(int64_t a, std::string_view b) {
    auto insert = Statement::Prepare(*db_, "INSERT INTO t VALUES(?, ?)");
    EXPECT_TRUE(insert.ok()) << insert.status();
    return Statement::Use(*insert).Bind(a).Bind(b).Run();
  }

  const TempDir dir_;
  std::optional<Database> db_;
};

TEST_F(StatementTest, CarriesTextsWithZerosAndNulls) {
  ASSERT_TRUE(Insert(1, std::string("x\0y", 3)).ok());
  ASSERT_TRUE(Insert(2, std::string_view()).ok());
  ASSERT_TRUE(db_->Execute("INSERT INTO t VALUES(3, NULL)").ok());
  auto select = Statement::Prepare(*db_, "SELECT b FROM t WHERE a = ?");
  ASSERT_TRUE(select.ok());
  const auto text = [&](int64_t a) -> std::string {
    Statement::Use use(*select);
    EXPECT_TRUE(*use.Bind(a).Step());
    return use.IsNull(0) ? "NULL" : use.Text(0);
  };
  EXPECT_EQ(text(1), std::string("x\0y", 3));
  EXPECT_EQ(text(2), "");
  EXPECT_EQ(text(3), "NULL");
  EXPECT_EQ(text(1), std::string("x\0y", 3));
}

TEST_F(StatementTest, SaysWhatIsWrong) {
  EXPECT_FALSE(Statement::Prepare(*db_, "SELECT nothing FROM t").ok());
  auto insert = Statement::Prepare(*db_, "INSERT INTO t VALUES(?, ?)");
  ASSERT_TRUE(insert.ok());
  // One parameter too many.
  EXPECT_FALSE(Statement::Use(*insert).Bind(1).Bind("x").Bind("y").Run().ok());
  // STRICT: a text is no INTEGER.
  EXPECT_FALSE(Statement::Use(*insert).Bind("x").Bind("y").Run().ok());
  ASSERT_TRUE(Insert(1, "x").ok());
  EXPECT_FALSE(Insert(1, "x").ok());
  EXPECT_TRUE(Insert(2, "x").ok());
}

TEST_F(StatementTest, TransactionsRollBackUnlessCommitted) {
  {
    auto transaction = Transaction::Begin(*db_);
    ASSERT_TRUE(transaction.ok());
    ASSERT_TRUE(Insert(1, "x").ok());
    EXPECT_FALSE(Transaction::Begin(*db_).ok());
  }
  EXPECT_EQ(Ask(*db_, "SELECT count(*) FROM t"), "0");
  {
    auto transaction = Transaction::Begin(*db_);
    ASSERT_TRUE(transaction.ok());
    ASSERT_TRUE(Insert(1, "x").ok());
    EXPECT_EQ(db_->changes(), 1);
    ASSERT_TRUE(transaction->Commit().ok());
  }
  EXPECT_EQ(Ask(*db_, "SELECT count(*) FROM t"), "1");
}

}  // namespace
}  // namespace bottled
