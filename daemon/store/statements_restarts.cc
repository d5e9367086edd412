#include "base/status_macros.h"
#include "store/statement_texts.h"

namespace bottled {

absl::Status PrepareRestarts(Database& db, Statements& out) {
  using S = Statements;
  return PrepareAll(
      db, out,
      {
          {&S::job_restart,
           "UPDATE job SET state = 'queued', started_ms = 0, "
           "content_key = NULL, artifact = NULL, publishing = NULL, "
           "attempt = ? WHERE id = ? "
           "AND state IN ('queued', 'running', 'publishing')"},
          {&S::job_take_up,
           "UPDATE job SET boot_id = ? WHERE id = ? "
           "AND state IN ('queued', 'running', 'publishing')"},
          {&S::job_set_wish,
           "UPDATE job SET wish = max(wish, ?) WHERE id = ? "
           "AND state IN ('queued', 'running', 'publishing')"},
          {&S::crash_put,
           "INSERT INTO crash(flight, count, at_ms) VALUES(?, ?, ?) "
           "ON CONFLICT(flight) DO UPDATE SET count = excluded.count, "
           "at_ms = excluded.at_ms"},
          {&S::crash_get,
           "SELECT count FROM crash WHERE flight = ? "
           "AND at_ms BETWEEN ? AND ?"},
          {&S::crash_delete, "DELETE FROM crash WHERE flight = ?"},
          {&S::crash_trim, "DELETE FROM crash WHERE at_ms NOT BETWEEN ? AND ?"},
      });
}

}  // namespace bottled
