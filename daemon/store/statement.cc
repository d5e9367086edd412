#include <sqlite3.h>

#include <utility>

#include "store/errors.h"
#include "store/sqlite.h"

namespace bottled {

absl::StatusOr<Statement> Statement::Prepare(Database& db,
                                             std::string_view sql) {
  sqlite3_stmt* stmt = nullptr;
  const int code =
      sqlite3_prepare_v3(db.handle(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
  if (code != SQLITE_OK) {
    return SqliteError(db.handle(), code, sql);
  }
  return Statement(stmt);
}

Statement::Statement(Statement&& other) noexcept
    : stmt_(std::exchange(other.stmt_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(stmt_, other.stmt_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(stmt_); }

Statement::Use::Use(Statement& statement) : stmt_(statement.stmt_) {
  sqlite3_reset(stmt_);
}

Statement::Use::~Use() {
  // A statement that is not reset holds its transaction open; bound texts
  // would keep their memory.
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);
}

Statement::Use& Statement::Use::Bind(int64_t value) {
  const int code = sqlite3_bind_int64(stmt_, next_++, value);
  bind_error_ = bind_error_ != 0 ? bind_error_ : code;
  return *this;
}

Statement::Use& Statement::Use::Bind(std::string_view value) {
  const int code =
      sqlite3_bind_text64(stmt_, next_++, value.data() ? value.data() : "",
                          value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  bind_error_ = bind_error_ != 0 ? bind_error_ : code;
  return *this;
}

Statement::Use& Statement::Use::BindNull() {
  const int code = sqlite3_bind_null(stmt_, next_++);
  bind_error_ = bind_error_ != 0 ? bind_error_ : code;
  return *this;
}

absl::StatusOr<bool> Statement::Use::Step() {
  sqlite3* db = sqlite3_db_handle(stmt_);
  if (bind_error_ != 0) {
    return SqliteError(db, bind_error_, sqlite3_sql(stmt_));
  }
  const int code = sqlite3_step(stmt_);
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    return false;
  }
  return SqliteError(db, code, sqlite3_sql(stmt_));
}

absl::Status Statement::Use::Run() {
  // To the end, as RETURNING and pragmas produce rows.
  while (true) {
    const absl::StatusOr<bool> row = Step();
    if (!row.ok()) {
      return row.status();
    }
    if (!*row) {
      return absl::OkStatus();
    }
  }
}

int64_t Statement::Use::Int(int column) const {
  return sqlite3_column_int64(stmt_, column);
}

std::string Statement::Use::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(stmt_, column);
  if (text == nullptr) {
    return "";
  }
  return std::string(reinterpret_cast<const char*>(text),
                     static_cast<size_t>(sqlite3_column_bytes(stmt_, column)));
}

bool Statement::Use::IsNull(int column) const {
  return sqlite3_column_type(stmt_, column) == SQLITE_NULL;
}

}  // namespace bottled
