#include "store/index.h"

#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "platform/places.h"
#include "store/backup.h"
#include "store/errors.h"
#include "store/index_state.h"
#include "store/schema.h"
#include "store/unsaved_leases.h"

namespace bottled {
namespace {

constexpr std::string_view kWatchedSeen = "watched_seen_ms";
constexpr std::string_view kWatchedSince = "watched_since_ms";

// "yes" while nobody has the database open.
constexpr std::string_view kClosed = "closed";

// Before anything else is known of the database: what cannot be read was not
// closed.
bool WasClosed(Database& db) {
  absl::StatusOr<Statement> statement =
      Statement::Prepare(db, "SELECT value FROM meta WHERE name = ?");
  if (!statement.ok()) {
    return false;
  }
  Statement::Use use(*statement);
  return use.Bind(kClosed).Step().value_or(false) && use.Text(0) == "yes";
}

// Of 5000 artifacts. quick_check does not compare an index with its table: a
// damaged one hides rows.
constexpr uintmax_t kSmallBytes = uintmax_t{8} << 20;

bool IsSmall(const std::filesystem::path& path) {
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  return !error && bytes <= kSmallBytes;
}

absl::Status BackUpBeforeMigration(Database& db,
                                   const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const bool needed, NeedsMigration(db, Migrations()));
  if (!needed) {
    return absl::OkStatus();
  }
  const absl::Status status = MakeBackup(
      [&db](const std::filesystem::path& to) { return VacuumInto(db, to); },
      path.parent_path() / kBackupDir, Clock::System().NowMs());
  // Each migration is a transaction: it fails whole, so that this is a second
  // line. A disk without room for it is no reason not to start.
  if (!status.ok()) {
    Log("store")->error("no copy of the index before its migration: {}",
                        std::string(status.message()));
  }
  return absl::OkStatus();
}

// A random value that is made once with the database.
absl::StatusOr<std::string> EnsureRandom(Connection& c, std::string_view name) {
  ASSIGN_OR_RETURN(std::string value, GetMeta(c, name));
  if (value.empty()) {
    value = RandomHex(16);
    RETURN_IF_ERROR(SetMeta(c, name, value));
  }
  return value;
}

}  // namespace

absl::StatusOr<std::string> GetMeta(Connection& c, std::string_view name) {
  Statement::Use use(c.statements.meta_get);
  ASSIGN_OR_RETURN(const bool row, use.Bind(name).Step());
  return row ? use.Text(0) : std::string();
}

absl::Status SetMeta(Connection& c, std::string_view name,
                     std::string_view value) {
  return Statement::Use(c.statements.meta_set).Bind(name).Bind(value).Run();
}

absl::StatusOr<std::unique_ptr<Index>> Index::Open(
    const std::filesystem::path& path, const InstanceLock& /*lock*/) {
  ASSIGN_OR_RETURN(Database db, Database::Open(path));
  const bool after_crash = !WasClosed(db);
  const bool thoroughly = after_crash || IsSmall(path);
  RETURN_IF_ERROR(thoroughly ? db.CheckThoroughly(path)
                             : db.CheckQuickly(path));
  RETURN_IF_ERROR(BackUpBeforeMigration(db, path));
  RETURN_IF_ERROR(Migrate(db, Migrations()));
  RETURN_IF_ERROR(MakeUnsavedLeases(db));
  absl::StatusOr<Statements> statements = Statements::Prepare(db);
  if (!statements.ok()) {
    // The migrations are all there, but not their tables.
    return HasReason(statements.status(), kIndexError)
               ? IndexCorruptError(path,
                                   std::string(statements.status().message()))
               : statements.status();
  }
  Connection connection{.db = std::move(db),
                        .statements = *std::move(statements)};
  if (!after_crash) {
    // On a full disk the next crash will look like a clean stop.
    RETURN_IF_ERROR(UnlessFull(SetMeta(connection, kClosed, "no")));
  }
  ASSIGN_OR_RETURN(std::string id, EnsureRandom(connection, "instance_id"));
  ASSIGN_OR_RETURN(std::string hiding, EnsureRandom(connection, "hiding_key"));
  auto state = std::make_unique<State>(std::move(connection));
  state->instance_id = std::move(id);
  state->hiding_key = std::move(hiding);
  state->after_crash = after_crash;
  state->path = path;
  state->checked_at_open = thoroughly;
  return std::unique_ptr<Index>(new Index(std::move(state)));
}

Index::Index(std::unique_ptr<State> state) : state_(std::move(state)) {}

Index::~Index() {
  const absl::Status noted =
      state_->Write([](Connection& c) { return SetMeta(c, kClosed, "yes"); });
  if (!noted.ok()) {
    Log("store")->info("the next start checks the index thoroughly: {}",
                       std::string(noted.message()));
  }
}

bool Index::after_crash() const { return state_->after_crash; }

const std::string& Index::instance_id() const { return state_->instance_id; }

void Index::set_on_full(std::function<bool(const std::string& why)> on_full) {
  MutexLock lock(state_->mu);
  state_->on_full = std::move(on_full);
}

absl::StatusOr<bool> Index::RebuildPending() {
  return state_->Read([](Connection& c) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const std::string value, GetMeta(c, "rebuild"));
    return value == "pending";
  });
}

absl::Status Index::SetRebuilt() {
  return state_->Write(
      [](Connection& c) { return SetMeta(c, "rebuild", "done"); });
}

absl::StatusOr<WatchedTime> Index::GetWatchedTime() {
  return state_->Read([](Connection& c) -> absl::StatusOr<WatchedTime> {
    ASSIGN_OR_RETURN(const std::string seen, GetMeta(c, kWatchedSeen));
    ASSIGN_OR_RETURN(const std::string since, GetMeta(c, kWatchedSince));
    WatchedTime time;
    // What is no number is not known.
    if (!absl::SimpleAtoi(seen, &time.seen_ms) ||
        !absl::SimpleAtoi(since, &time.since_ms)) {
      time = {};
    }
    return time;
  });
}

absl::Status Index::SetWatchedTime(const WatchedTime& time) {
  return state_->Write([&](Connection& c) -> absl::Status {
    RETURN_IF_ERROR(SetMeta(c, kWatchedSeen, std::to_string(time.seen_ms)));
    return SetMeta(c, kWatchedSince, std::to_string(time.since_ms));
  });
}

absl::Status Index::SetRebuildPending() {
  return state_->Write(
      [](Connection& c) { return SetMeta(c, "rebuild", "pending"); });
}

absl::Status Index::State::CheckWritable() {
  return degraded.ok() ? absl::OkStatus() : IndexDegradedError(degraded);
}

void Index::State::Note(const absl::Status& status, bool committing) {
  // A full disk rolls back and says so; what the rows forbid is no fault.
  const bool harmless = HasReason(status, "NO_SPACE") ||
                        HasReason(status, kIndexLocked) ||
                        HasReason(status, kIndexDegraded);
  const bool fatal = HasReason(status, "IO_ERROR") ||
                     HasReason(status, kIndexCorrupt) || committing;
  if (degraded.ok() && fatal && !harmless) {
    degraded = status;
    Log("store")->error("the index takes no more writes: {}",
                        std::string(status.message()));
  }
}

void Index::State::Defer(JobEnd end) {
  MutexLock lock(mu);
  pending.push_back(std::move(end));
}

absl::Status Index::State::WritePending() {
  for (const JobEnd& end : pending) {
    RETURN_IF_ERROR(WriteJobEnd(connection, end).status());
  }
  return unsaved_leases ? SaveLeases(connection.db) : absl::OkStatus();
}

Digest DigestColumn(const Statement::Use& row, int column) {
  const std::string hex = row.Text(column);
  return hex.empty() ? Digest() : Digest::FromHex(hex);
}

}  // namespace bottled
