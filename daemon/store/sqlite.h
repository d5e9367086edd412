// A thin, safe layer over SQLite: Database, Statement, Use and Transaction.
//
// One connection for the whole process, because Debian 12's SQLite lacks the
// fix of the WAL-reset bug, which needs two (sqlite.org/wal.html#walresetbug).
// EXCLUSIVE locking makes the kernel enforce it. Nobody may open the database's
// files in any other way: closing such a descriptor drops SQLite's locks.
//
// Nothing here is thread-safe: Index guards its Database with one mutex.

#ifndef BOTTLED_STORE_SQLITE_H_
#define BOTTLED_STORE_SQLITE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bottled {

// "btld": what `file` and PRAGMA application_id say of our databases.
inline constexpr int64_t kApplicationId = 0x62746c64;

class Database {
 public:
  // Opens or creates, with the pragmas of a durable single-owner database: WAL,
  // EXCLUSIVE, synchronous=FULL, foreign keys, STRICT tables' checks; the write
  // lock is held from here on. Waits up to 5 s for another holder. Reasons
  // INDEX_CORRUPT (not a database; its pages are not looked at), INDEX_FOREIGN
  // (another application's, left untouched), INDEX_LOCKED, NO_SPACE, IO_ERROR.
  static absl::StatusOr<Database> Open(const std::filesystem::path& path);

  // quick_check: every page and row, but not whether indices and tables say the
  // same. INDEX_CORRUPT. Reads the whole database.
  absl::Status CheckQuickly(const std::filesystem::path& path);
  // That too: integrity_check and foreign_key_check.
  absl::Status CheckThoroughly(const std::filesystem::path& path);

  // Forgets the pages in memory, so that the next look is at the file.
  void DropCache();

  // Whether a copy that nobody has open is whole: CheckThoroughly() and the
  // application's ID. Opens it for reading only. It is another file, so that
  // the rule of the one connection is not touched. Reasons as Open().
  static absl::Status CheckCopy(const std::filesystem::path& path);

  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  ~Database();

  // Runs SQL text without parameters: schema changes.
  absl::Status Execute(std::string_view sql);

  sqlite3* handle() const { return db_; }
  // Rows changed by the last statement.
  int64_t changes() const;

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  sqlite3* db_ = nullptr;
};

// A prepared statement; lives no longer than its database.
class Statement {
 public:
  static absl::StatusOr<Statement> Prepare(Database& db, std::string_view sql);
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // One execution: binds in order, steps, resets at the end of its life.
  class Use {
   public:
    explicit Use(Statement& statement);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    Use& Bind(int64_t value);
    Use& Bind(std::string_view value);  // copied
    Use& BindNull();

    // True when there is a row.
    absl::StatusOr<bool> Step();
    // For statements without rows.
    absl::Status Run();

    // Columns of the current row, from 0; NULL reads as 0 or "".
    int64_t Int(int column) const;
    std::string Text(int column) const;
    bool IsNull(int column) const;

   private:
    sqlite3_stmt* stmt_;
    int next_ = 1;
    int bind_error_ = 0;
  };

 private:
  explicit Statement(sqlite3_stmt* stmt) : stmt_(stmt) {}
  sqlite3_stmt* stmt_ = nullptr;
};

// BEGIN IMMEDIATE now; ROLLBACK on destruction unless committed.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Database& db);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  absl::Status Commit();

 private:
  explicit Transaction(Database* db) : db_(db) {}
  Database* db_;
};

}  // namespace bottled

#endif  // BOTTLED_STORE_SQLITE_H_
