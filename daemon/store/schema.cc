#include "store/schema.h"

#include <sqlite3.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/status_macros.h"
#include "fmt/format.h"
#include "platform/fault_points.h"
#include "store/errors.h"

namespace bottled {
namespace {

absl::StatusOr<int64_t> UserVersion(Database& db) {
  ASSIGN_OR_RETURN(Statement ask,
                   Statement::Prepare(db, "PRAGMA user_version"));
  Statement::Use use(ask);
  RETURN_IF_ERROR(use.Step().status());
  return use.Int(0);
}

absl::StatusOr<std::set<std::string>> Applied(Database& db) {
  std::set<std::string> names;
  ASSIGN_OR_RETURN(Statement ask,
                   Statement::Prepare(db, "SELECT name FROM migration"));
  Statement::Use use(ask);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, use.Step());
    if (!row) {
      return names;
    }
    names.insert(use.Text(0));
  }
}

absl::Status Apply(Database& db, const Migration& migration, size_t version) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db));
  CRASH_POINT("migrate.begun");
  RETURN_IF_ERROR(db.Execute(migration.sql));
  CRASH_POINT("migrate.executed");
  {
    ASSIGN_OR_RETURN(
        Statement note,
        Statement::Prepare(db,
                           "INSERT INTO migration(name, applied_ms) "
                           "VALUES(?, ?)"));
    RETURN_IF_ERROR(Statement::Use(note)
                        .Bind(migration.name)
                        .Bind(Clock::System().NowMs())
                        .Run());
  }
  RETURN_IF_ERROR(db.Execute(fmt::format("PRAGMA user_version={}", version)));
  CRASH_POINT("migrate.noted");
  RETURN_IF_ERROR(transaction.Commit());
  CRASH_POINT("migrate.committed");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> NeedsMigration(Database& db,
                                    std::span<const Migration> migrations) {
  ASSIGN_OR_RETURN(const int64_t version, UserVersion(db));
  return version > 0 && version < static_cast<int64_t>(migrations.size());
}

absl::Status Migrate(Database& db, std::span<const Migration> migrations) {
  ASSIGN_OR_RETURN(const int64_t version, UserVersion(db));
  if (version > static_cast<int64_t>(migrations.size())) {
    return IndexTooNewError(fmt::format("schema {}", version));
  }
  if (version == 0) {
    RETURN_IF_ERROR(
        db.Execute("CREATE TABLE IF NOT EXISTS migration(name TEXT PRIMARY KEY,"
                   " applied_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID"));
  }
  ASSIGN_OR_RETURN(const std::set<std::string> applied, Applied(db));
  // Each migration raises the version by one at most: a page was lost.
  if (static_cast<int64_t>(applied.size()) < version) {
    return IndexCorruptError(sqlite3_db_filename(db.handle(), "main"),
                             "names of its migrations are missing");
  }
  // Nothing is changed before all that is there is known to be understood.
  for (const std::string& name : applied) {
    if (std::none_of(migrations.begin(), migrations.end(),
                     [&](const Migration& m) { return m.name == name; })) {
      return IndexTooNewError(name);
    }
  }
  size_t step = 0;
  for (const Migration& migration : migrations) {
    ++step;
    if (!applied.contains(std::string(migration.name))) {
      RETURN_IF_ERROR(Apply(db, migration, step));
    }
  }
  return absl::OkStatus();
}

}  // namespace bottled
