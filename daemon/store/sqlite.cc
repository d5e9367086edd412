#include "store/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "platform/fault_calls.h"
#include "store/errors.h"
#include "store/fault_vfs.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

// Long enough for a holder that is closing, short enough for a person.
constexpr int kBusyTimeoutMs = 5000;

// The first value of a pragma or a query, as text.
absl::StatusOr<std::string> Ask(Database& db, const std::string& sql) {
  ASSIGN_OR_RETURN(Statement statement, Statement::Prepare(db, sql));
  Statement::Use use(statement);
  ASSIGN_OR_RETURN(const bool row, use.Step());
  return row ? use.Text(0) : std::string();
}

// Sets a pragma and checks that it took.
absl::Status Set(Database& db, const std::string& name,
                 const std::string& value, const std::string& expected) {
  RETURN_IF_ERROR(db.Execute(fmt::format("PRAGMA {}={}", name, value)));
  ASSIGN_OR_RETURN(const std::string got,
                   Ask(db, fmt::format("PRAGMA {}", name)));
  if (got != expected) {
    return MakeError(absl::StatusCode::kInternal, kIndexError,
                     fmt::format("index: PRAGMA {} is '{}' instead of '{}'",
                                 name, got, expected),
                     "");
  }
  return absl::OkStatus();
}

// SQLite makes the file in one step and names us as its application in another:
// what died in between has no tables, and is ours or nobody's.
absl::StatusOr<bool> IsNew(Database& db, const std::string& id) {
  if (id != "0") {
    return false;
  }
  ASSIGN_OR_RETURN(
      Statement count,
      Statement::Prepare(db, "SELECT count(*) FROM sqlite_schema"));
  Statement::Use use(count);
  RETURN_IF_ERROR(use.Step().status());
  return use.Int(0) == 0;
}

// A new file becomes ours before anything else is written to it; one that is
// not ours is left as it is.
absl::Status CheckApplication(Database& db, const fs::path& path) {
  ASSIGN_OR_RETURN(const std::string id, Ask(db, "PRAGMA application_id"));
  ASSIGN_OR_RETURN(const bool is_new, IsNew(db, id));
  if (is_new) {
    RETURN_IF_ERROR(db.Execute("PRAGMA auto_vacuum=INCREMENTAL"));
    return Set(db, "application_id", fmt::format("{}", kApplicationId),
               fmt::format("{}", kApplicationId));
  }
  return id == fmt::format("{}", kApplicationId) ? absl::OkStatus()
                                                 : IndexForeignError(path);
}

absl::Status Configure(Database& db, const fs::path& path) {
  sqlite3* handle = db.handle();
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  // EXCLUSIVE before the first access: no shared-memory file then, so that a
  // full disk can still be read (sqlite.org/wal.html#noshm).
  RETURN_IF_ERROR(Set(db, "locking_mode", "EXCLUSIVE", "exclusive"));
  RETURN_IF_ERROR(CheckApplication(db, path));
  RETURN_IF_ERROR(Set(db, "journal_mode", "WAL", "wal"));
  struct Pragma {
    const char* name;
    const char* value;
    const char* expected;
  };
  for (const Pragma& pragma : {
           Pragma{"synchronous", "FULL", "2"},
           Pragma{"foreign_keys", "ON", "1"},
           Pragma{"trusted_schema", "OFF", "0"},
           Pragma{"cell_size_check", "ON", "1"},
           Pragma{"temp_store", "MEMORY", "2"},
           Pragma{"mmap_size", "0", "0"},
           Pragma{"wal_autocheckpoint", "256", "256"},
           Pragma{"journal_size_limit", "4194304", "4194304"},
       }) {
    RETURN_IF_ERROR(Set(db, pragma.name, pragma.value, pragma.expected));
  }
  // Takes the write lock, which EXCLUSIVE then keeps.
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db));
  return transaction.Commit();
}

absl::Status CheckPages(Database& db, const fs::path& path,
                        const std::string& pragma) {
  ASSIGN_OR_RETURN(const std::string problem, Ask(db, pragma));
  return problem == "ok" ? absl::OkStatus() : IndexCorruptError(path, problem);
}

absl::StatusOr<fs::path> ResolveDirectory(const fs::path& path) {
  std::error_code error;
  const fs::path dir = fs::canonical(path.parent_path(), error);
  if (error) {
    return ErrnoError(error.value(), "open " + path.parent_path().native());
  }
  return dir / path.filename();
}

}  // namespace

absl::StatusOr<Database> Database::Open(const fs::path& path) {
  ASSIGN_OR_RETURN(const fs::path real, ResolveDirectory(path));
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(
      real.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
          SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW,
      FaultVfs());
  Database db(handle);  // also after an error there is something to close
  if (code != SQLITE_OK) {
    return SqliteError(handle, code, "open " + path.native());
  }
  // The -wal file gets the mode that the database has when it is made. By
  // name, as a descriptor of our own would drop SQLite's locks when closed.
  if (sys::Chmod(real.c_str(), 0600) != 0) {
    const int error = errno;
    return ErrnoError(error, "chmod " + real.native());
  }
  RETURN_IF_ERROR(Configure(db, path));
  return db;
}

absl::Status Database::CheckQuickly(const fs::path& path) {
  return CheckPages(*this, path, "PRAGMA quick_check(1)");
}

absl::Status Database::CheckThoroughly(const fs::path& path) {
  RETURN_IF_ERROR(CheckPages(*this, path, "PRAGMA integrity_check(1)"));
  ASSIGN_OR_RETURN(const std::string table,
                   Ask(*this, "PRAGMA foreign_key_check"));
  return table.empty()
             ? absl::OkStatus()
             : IndexCorruptError(path, "a row of " + table + " refers to none");
}

void Database::DropCache() { sqlite3_db_release_memory(db_); }

absl::Status Database::CheckCopy(const fs::path& path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
                          SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW,
                      nullptr);
  Database copy(handle);
  if (code != SQLITE_OK) {
    return SqliteError(handle, code, "open " + path.native());
  }
  ASSIGN_OR_RETURN(const std::string id, Ask(copy, "PRAGMA application_id"));
  if (id != fmt::format("{}", kApplicationId)) {
    return IndexForeignError(path);
  }
  return copy.CheckThoroughly(path);
}

Database::Database(Database&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(db_, other.db_);
  return *this;
}

Database::~Database() { sqlite3_close(db_); }

absl::Status Database::Execute(std::string_view sql) {
  const std::string text(sql);
  const int code = sqlite3_exec(db_, text.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK
             ? absl::OkStatus()
             : SqliteError(db_, code, text.substr(0, text.find('\n')));
}

int64_t Database::changes() const { return sqlite3_changes64(db_); }

absl::StatusOr<Transaction> Transaction::Begin(Database& db) {
  RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  return Transaction(&db);
}

Transaction::Transaction(Transaction&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)) {}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors (SQLITE_FULL, IOERR).
  if (db_ != nullptr && sqlite3_get_autocommit(db_->handle()) == 0) {
    sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

absl::Status Transaction::Commit() {
  RETURN_IF_ERROR(db_->Execute("COMMIT"));
  db_ = nullptr;
  return absl::OkStatus();
}

}  // namespace bottled
