// What is behind Index: the connection under its mutex, and the two ways to use
// it. Private to index*.cc.

#ifndef BOTTLED_STORE_INDEX_STATE_H_
#define BOTTLED_STORE_INDEX_STATE_H_

#include <atomic>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "store/errors.h"
#include "store/index.h"
#include "store/sqlite.h"
#include "store/statements.h"

namespace bottled {

// The end of a job that could not be written because the disk was full.
struct JobEnd {
  std::string id;
  JobRowState state = JobRowState::kFailed;
  std::string artifact;
  std::string failure_json;
  int64_t finished_ms = 0;
};

// Guarded by Index::State::mu.
struct Connection {
  // In this order: statements go before their database.
  Database db;
  Statements statements;
};

struct Index::State {
  explicit State(Connection open) : connection(std::move(open)) {}

  // Runs `body(Connection&)`, which returns a StatusOr.
  template <typename Body>
  auto Read(Body body) {
    MutexLock lock(mu);
    auto result = body(connection);
    if (!result.ok()) {
      Note(result.status(), /*committing=*/false);
    }
    return result;
  }

  // Runs `body(Connection&)`, which returns a Status, in a transaction; once
  // more, from the beginning, when the disk was full and on_full made room.
  template <typename Body>
  absl::Status Write(Body body) {
    MutexLock lock(mu);
    RETURN_IF_ERROR(CheckWritable());
    absl::Status status = InTransaction(body);
    if (on_full && HasReason(status, "NO_SPACE") &&
        on_full(std::string(status.message()))) {
      status = InTransaction(body);
    }
    return status;
  }

  // Write(), or when the disk does not take it `keep(Connection&)`, which
  // returns a Status and only writes unsaved leases.
  template <typename Body, typename Keep>
  absl::Status WriteLease(Body body, Keep keep) {
    const absl::Status status = Write(body);
    if (!HasReason(status, "NO_SPACE") && !HasReason(status, "IO_ERROR") &&
        !HasReason(status, kIndexDegraded)) {
      return status;
    }
    MutexLock lock(mu);
    unsaved_leases = true;
    return keep(connection);
  }

  // INDEX_DEGRADED when nothing is written any more.
  absl::Status CheckWritable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  // Remembers the end of a job for the next write.
  void Defer(JobEnd end);

  // Constant after Open().
  std::string instance_id;
  // Random; mixed into what stands for hidden values.
  std::string hiding_key;
  bool after_crash = false;
  std::filesystem::path path;

  // Open() has looked at all of it, and nobody has noted that yet.
  std::atomic<bool> checked_at_open = false;

  Mutex mu;
  std::function<bool(const std::string& why)> on_full ABSL_GUARDED_BY(mu);
  Connection connection ABSL_GUARDED_BY(mu);
  // Not OK: the reason why nothing is written any more.
  absl::Status degraded ABSL_GUARDED_BY(mu);
  std::deque<JobEnd> pending ABSL_GUARDED_BY(mu);
  bool unsaved_leases ABSL_GUARDED_BY(mu) = false;

 private:
  template <typename Body>
  absl::Status InTransaction(Body& body) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    absl::StatusOr<Transaction> transaction = Transaction::Begin(connection.db);
    absl::Status status = transaction.status();
    bool committing = false;
    if (status.ok()) {
      status = WritePending();
    }
    if (status.ok()) {
      status = body(connection);
    }
    if (status.ok()) {
      committing = true;
      status = transaction->Commit();
    }
    if (status.ok()) {
      pending.clear();
      unsaved_leases = false;
    } else {
      Note(status, committing);
    }
    return status;
  }

  // Decides whether an error makes the index degraded.
  void Note(const absl::Status& status, bool committing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  absl::Status WritePending() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
};

// A value of the table meta; empty when there is none.
absl::StatusOr<std::string> GetMeta(Connection& c, std::string_view name);
absl::Status SetMeta(Connection& c, std::string_view name,
                     std::string_view value);

// "queued" … "interrupted": the text of a state in the database.
std::string_view JobStateText(JobRowState state);

// JOB_NOT_OPEN unless the update that has just run changed one row.
absl::Status CheckJobChanged(Connection& c, const std::string& id);

// A crash or a request that is farther away than this, in either direction,
// says nothing about a job.
inline constexpr int64_t kDayMemoryMs = int64_t{24} * 3600 * 1000;

// Writes the end of a job; false when the job was not open.
absl::StatusOr<bool> WriteJobEnd(Connection& c, const JobEnd& end);

// Notes, or notes anew, which job answers a request.
absl::Status WriteRequest(Connection& c, const std::string& id,
                          const std::string& job_id, int64_t now_ms);

// Deletes an artifact's row and keeps why with its keys.
absl::Status ForgetArtifact(Connection& c, const Digest& digest,
                            std::string_view why, int64_t now_ms,
                            std::string_view rule);

// Digest from a column, "" = empty.
Digest DigestColumn(const Statement::Use& row, int column);

}  // namespace bottled

#endif  // BOTTLED_STORE_INDEX_STATE_H_
